import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, test } from 'vitest';
import { startChild } from '#sandbox/child.ts';
import { claimDirectory, endSandbox, requireSandbox } from '#sandbox/claim.ts';
import { readState } from '#sandbox/state.ts';
import { scratchDirectory } from '../support/scratch.ts';

let directory: string;
beforeEach(() => {
  directory = join(scratchDirectory(), 'sandbox');
});

test('of two that claim a directory in one moment one gets it', async () => {
  const claims = await Promise.allSettled([claimDirectory(directory), claimDirectory(directory)]);
  const won = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value] : []));
  expect(won).toHaveLength(1);
  const lost = claims.find((claim) => claim.status === 'rejected');
  expect(lost?.reason).toMatchObject({ code: 'SANDBOX_ALREADY_UP' });
  await Promise.all(won.map((claim) => claim.release()));
  expect(existsSync(directory)).toBe(false);
});

test('a directory with somebody else’s files is refused and left as it is', async () => {
  mkdirSync(directory);
  writeFileSync(join(directory, 'thesis.tex'), 'years of work');
  await expect(claimDirectory(directory)).rejects.toMatchObject({ code: 'SANDBOX_DIR_FOREIGN' });
  expect(await endSandbox(directory)).toBe(false);
  expect(readFileSync(join(directory, 'thesis.tex'), 'utf8')).toBe('years of work');
});

test('only who can read the state file can end a sandbox', async () => {
  const claim = await claimDirectory(directory);
  const port = readState(directory)?.port ?? 0;
  const socket = createConnection(port, '127.0.0.1');
  socket.write('guess end\n');
  expect(await text(socket)).toBe('');
  expect(claim.endRequested.aborted).toBe(false);
  await claim.release();
});

test('whoever ends a sandbox waits until its directory and its very process are gone', async () => {
  const claimant = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/claimant.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(createInterface(claimant.stdout), 'line');
  expect(await endSandbox(directory)).toBe(true);
  expect(existsSync(directory)).toBe(false);
  expect(existsSync(`${directory}.last-words`)).toBe(true);
  expect(await endSandbox(directory)).toBe(false);
});

test('a sandbox is there for its users once it is ready', async () => {
  const claim = await claimDirectory(directory);
  await expect(requireSandbox(directory)).rejects.toMatchObject({ code: 'SANDBOX_NOT_UP' });
  claim.setReady();
  await requireSandbox(directory);
  await claim.release();
  await expect(requireSandbox(directory)).rejects.toMatchObject({ code: 'SANDBOX_NOT_UP' });
});

test('ending what a killed sandbox left waits for the processes that its guards are still ending', async () => {
  const claim = await claimDirectory(directory);
  const child = await startChild({
    name: 'slow',
    command: 'sleep',
    args: ['600'],
    log: join(directory, '..', 'slow.log'),
    graceSeconds: 0,
  });
  claim.addGroup(child.group);
  // Nobody listens any more, as after SIGKILL; the files stay.
  await claim.abandon();
  const ended = endSandbox(directory);
  expect(await Promise.race([ended, Promise.resolve('still waiting')])).toBe('still waiting');
  await child.stop();
  expect(await ended).toBe(true);
  expect(existsSync(directory)).toBe(false);
});

test('a new sandbox takes over the directory of one whose start failed', async () => {
  const failed = await claimDirectory(directory);
  writeFileSync(join(directory, 'kube-apiserver.log'), 'why it failed');
  await failed.abandon();
  const next = await claimDirectory(directory);
  expect(existsSync(join(directory, 'kube-apiserver.log'))).toBe(false);
  await next.release();
});
