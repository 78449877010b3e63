import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { packageRoot } from '#sandbox/package-root.ts';
import { run } from '#sandbox/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** In the place of the program: says how far it can be looked into, before and after SIGUSR1. */
const probe = `
import { readFileSync } from 'node:fs';
import { url } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
const before = url();
process.kill(process.pid, 'SIGUSR1');
for (let waited = 0; waited < 20 && url() === undefined; waited++) await sleep(50);
console.log(JSON.stringify({
  inspector: [before ?? 'closed', url() ?? 'closed'],
  core: /^Max core file size +(\\d+|unlimited) +(\\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.slice(1),
  options: process.env.NODE_OPTIONS ?? 'none',
  preload: process.env.LD_PRELOAD ?? 'none',
  report: [process.report.reportOnFatalError, process.report.reportOnSignal, process.report.reportOnUncaughtException],
  arguments: process.argv.slice(2),
}));
`;

/** What a careless or hostile environment asks of Node. */
const environment = {
  NODE_OPTIONS:
    '--inspect=127.0.0.1:0 --report-on-fatalerror --report-on-signal --heapsnapshot-signal=SIGUSR2',
};

const quiet = {
  inspector: ['closed', 'closed'],
  options: 'none',
  report: [false, false, false],
  arguments: ['controller', 'a b'],
};

let directory: string;
beforeEach(() => {
  directory = scratchDirectory();
});

async function seen(command: string, args: readonly string[], env: Record<string, string>): Promise<unknown> {
  const { stdout } = await run(command, args, { env: { PATH: process.env['PATH'] ?? '', ...env } });
  return JSON.parse(stdout);
}

test('without the launcher all of it would be open: the probe can tell', async () => {
  writeFileSync(join(directory, 'probe.mjs'), probe);
  const found = await seen(process.execPath, [join(directory, 'probe.mjs')], environment);
  expect(found).toMatchObject({
    inspector: [expect.stringMatching(/^ws:/), expect.stringMatching(/^ws:/)],
    report: [true, true, false],
  });
  const plain = await seen(process.execPath, [join(directory, 'probe.mjs')], {});
  expect(plain).toMatchObject({ inspector: ['closed', expect.stringMatching(/^ws:/)] });
});

test('the launcher: no core dump, no inspector, nothing that the environment asks of Node', async () => {
  for (const folder of ['bin', 'dist', 'node_modules/.bin'])
    mkdirSync(join(directory, folder), { recursive: true });
  const launcher = join(directory, 'bin/mangrove');
  cpSync(join(packageRoot(), 'bin/mangrove'), launcher);
  symlinkSync(process.execPath, join(directory, 'node_modules/.bin/node'));
  writeFileSync(join(directory, 'dist/mangrove.mjs'), probe);
  const found = await seen(launcher, ['controller', 'a b'], environment);
  expect(found).toMatchObject({ ...quiet, core: ['0', '0'] });
});

/** Where there is no C compiler the image cannot be tried without building it; a CI has to have one. */
const compiler = ['cc', 'gcc'].find((name) => spawnSync(name, ['--version']).status === 0);

test.skipIf(compiler === undefined && process.env['CI'] === undefined)(
  'the first process of the image: the same, and no library is loaded before ours',
  async () => {
    const dockerfile = readFileSync(join(packageRoot(), 'Dockerfile'), 'utf8');
    const source = /COPY <<'EOF' entry\.c\n(.*?)^EOF$/ms.exec(dockerfile)?.[1] ?? '';
    const program = join(directory, 'mangrove.mjs');
    const placed = source
      .replace('"/usr/bin/node"', JSON.stringify(process.execPath))
      .replace('"/usr/lib/mangrove/mangrove.mjs"', JSON.stringify(program));
    writeFileSync(join(directory, 'entry.c'), placed);
    writeFileSync(program, probe);
    const entry = join(directory, 'entry');
    execFileSync(compiler ?? 'cc', ['-Wall', '-Werror', '-o', entry, join(directory, 'entry.c')]);
    const found = await seen(entry, ['controller', 'a b'], { ...environment, LD_PRELOAD: '' });
    // One byte stops files and pipes alike, 0 would not stop a pipe (core(5)).
    expect(found).toMatchObject({ ...quiet, core: ['1', '1'], preload: 'none' });
  },
);
