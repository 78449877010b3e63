import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test } from 'vitest';
import { groupGone, groupIsAlive, startChild } from '#sandbox/child.ts';
import { scratchDirectory } from '../support/scratch.ts';

let directory: string;
beforeEach(() => {
  directory = scratchDirectory();
});

const shell = (script: string, graceSeconds = 0) =>
  startChild({
    name: 'shell',
    command: 'sh',
    args: ['-c', script],
    log: join(directory, 'shell.log'),
    graceSeconds,
  });

test('a child’s output goes to its log and its exit code is known', async () => {
  const child = await shell('echo out; echo err >&2; exit 7');
  await child.exited;
  expect(child.exitCode()).toBe(7);
  expect(readFileSync(child.log, 'utf8')).toBe('out\nerr\n');
  expect(await groupGone(child.group)).toBe(true);
});

test('stop ends a child that ignores SIGTERM, and what it started', async () => {
  const child = await shell("trap '' TERM; sleep 600 & sleep 600 & wait");
  await child.stop();
  expect(groupIsAlive(child.group)).toBe(false);
});

test('a child with grace may finish its work on SIGTERM', async () => {
  const child = await shell('trap "echo drained; exit 0" TERM; echo up; while :; do sleep 0.02; done', 30);
  await untilLogged(child.log, 'up');
  await child.stop();
  expect(readFileSync(child.log, 'utf8')).toBe('up\ndrained\n');
});

test('what a child leaves behind when it ends goes with it', async () => {
  const child = await shell('sleep 600 & exit 0');
  await child.exited;
  expect(child.exitCode()).toBe(0);
  expect(await groupGone(child.group)).toBe(true);
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'children end when their parent dies of %s',
  async (signal) => {
    const parent = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/parent.ts'), directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(parent.stdout), 'line');
    const groups: number[] = JSON.parse(String(line));
    expect(groups.map(groupIsAlive)).toEqual([true, true]);
    parent.kill(signal);
    await once(parent, 'exit');
    expect(await Promise.all(groups.map((group) => groupGone(group)))).toEqual([true, true]);
  },
);

async function untilLogged(log: string, text: string): Promise<void> {
  await expect.poll(() => readFileSync(log, 'utf8'), { timeout: 20_000 }).toContain(text);
}
