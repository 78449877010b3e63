import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Child, startChild } from '#sandbox/child.ts';
import { freePorts } from '#sandbox/port.ts';
import { retryOnPortCollision, untilReady } from '#sandbox/readiness.ts';
import { scratchDirectory } from '../support/scratch.ts';

let directory: string;
let log: string;
const children: Child[] = [];
beforeEach(() => {
  directory = scratchDirectory();
  log = join(directory, 'listener.log');
});
afterEach(() => Promise.all(children.splice(0).map((child) => child.stop())));

async function startNode(script: string, port: number): Promise<Child> {
  const args = ['-e', script, String(port)];
  const child = await startChild({ name: 'node', command: process.execPath, args, log, graceSeconds: 0 });
  children.push(child);
  return child;
}

const listen = "require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1')";

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

test('ports that are handed out together all differ', async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
});

test('a start whose port somebody else took is repeated with another one', async () => {
  const stranger = createServer().listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const address = stranger.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;
  const tried: number[] = [];
  const port = await retryOnPortCollision(log, async () => {
    const [free = 0] = await freePorts(1);
    const candidate = tried.length === 0 ? taken : free;
    tried.push(candidate);
    const child = await startNode(listen, candidate);
    // Whoever merely asked whether the port answers would take the stranger for the child.
    await untilReady(child, async () => candidate !== taken && (await accepts(candidate)));
    return candidate;
  });
  expect(tried).toEqual([taken, port]);
  stranger.close();
});

test('a start that fails for another reason is not repeated', async () => {
  let tries = 0;
  const start = retryOnPortCollision(log, async () => {
    tries += 1;
    await untilReady(await startNode("throw new Error('no such luck')", 0), async () => false);
  });
  await expect(start).rejects.toMatchObject({
    code: 'SANDBOX_START_FAILED',
    message: expect.stringContaining('no such luck'),
  });
  expect(tries).toBe(1);
});

test('a child that is not ready in time is given up, with the name of its log', async () => {
  const child = await startNode('setInterval(() => {}, 1000)', 0);
  await expect(untilReady(child, async () => false, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'SANDBOX_START_FAILED',
    message: expect.stringContaining(log),
  });
});

test('waiting ends when it is aborted', async () => {
  const child = await startNode('setInterval(() => {}, 1000)', 0);
  const aborted = AbortSignal.abort(new Error('changed my mind'));
  await expect(untilReady(child, async () => false, { signal: aborted })).rejects.toThrow('changed my mind');
});
