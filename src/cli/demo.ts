import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { styleText } from 'node:util';
import { Argument, Command } from 'commander';
import type { Chapter } from '#cli/demo/chapter.ts';
import { corporateRoot } from '#cli/demo/corporate-root.ts';
import { firstCertificate } from '#cli/demo/first-certificate.ts';
import { createStage, type Stage } from '#cli/demo/stage.ts';
import { localSources, resolveBinaries } from '#sandbox/binaries.ts';
import { progressTo } from '#sandbox/progress.ts';
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts';

const chapters: readonly Chapter[] = [firstCertificate, corporateRoot];

/** `mangrove demo [CHAPTER]` */
export function demoCommand(): Command {
  const chapter = new Argument('[chapter]', 'only this chapter').choices(chapters.map(({ name }) => name));
  return new Command('demo')
    .description('Show on a real API server what Mangrove does, step by step, and leave nothing behind.')
    .addArgument(chapter)
    .addHelpText('after', '\nExample:\n  mangrove demo first-certificate')
    .action(async (only: string | undefined) => {
      const begun = performance.now();
      const stopping = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
      for (const each of chapters) {
        if (only === undefined || only === each.name) await play(each, stopping.signal);
      }
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      print('');
      print(`The demo took ${seconds} s. Nothing is left of it: no process, no file.`);
    });
}

/** Plays a chapter on a cluster of its own, which ends with it however it ends. */
async function play(chapter: Chapter, signal: AbortSignal): Promise<void> {
  print(styleText('bold', `Mangrove demo: ${chapter.title}`));
  const directory = await mkdtemp(join(tmpdir(), 'mangrove-demo-'));
  const closing = new AbortController();
  const ending = AbortSignal.any([signal, closing.signal]);
  try {
    const sandbox = await startSandbox({
      binaries: await resolveBinaries(localSources(), progressTo(process.stderr)),
      directory: join(directory, 'sandbox'),
      clusters: 1,
      replicas: 1,
      program: [process.execPath, ...process.argv.slice(1, 2)],
      progress: progressTo(process.stderr),
      signal: ending,
    });
    try {
      await chapter.play(stageOf(sandbox, directory, signal), directory);
    } finally {
      closing.abort();
      await sandbox.ended;
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The environment is what `sandbox env` exports, so that anybody can repeat the commands by hand. */
function stageOf(sandbox: Sandbox, directory: string, signal: AbortSignal): Stage {
  const path = `${join(directory, 'sandbox', 'bin')}${delimiter}${process.env.PATH ?? ''}`;
  const environment = { ...process.env, KUBECONFIG: sandbox.kubeconfig, PATH: path };
  return createStage({ directory, environment, print, signal });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
