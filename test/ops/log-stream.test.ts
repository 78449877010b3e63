import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogStream } from '#ops/log-stream.ts';

let directory: string;
let file: string;
let descriptor: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mangrove-log-'));
  file = join(directory, 'log');
  descriptor = openSync(file, 'a');
});

afterEach(() => {
  closeSync(descriptor);
  rmSync(directory, { recursive: true });
});

const written = (): string => readFileSync(file, 'utf8');

test('lines of one turn are written together when it ends, in their order', async () => {
  const stream = openLogStream(descriptor);
  stream.write('one\n');
  stream.write('two\n');
  expect(written()).toBe('');
  await turn();
  expect(written()).toBe('one\ntwo\n');
  stream.write('three\n');
  await turn();
  expect(written()).toBe('one\ntwo\nthree\n');
});

test('what is flushed is written at once, and not again', async () => {
  const stream = openLogStream(descriptor);
  stream.write('one\n');
  stream.flushSync();
  expect(written()).toBe('one\n');
  await turn();
  expect(written()).toBe('one\n');
});

test('a turn that says very much does not keep all of it', async () => {
  const stream = openLogStream(descriptor);
  const line = `${'x'.repeat(1023)}\n`;
  for (let lines = 0; lines < 100; lines++) stream.write(line);
  const early = written().length;
  expect(early).toBeGreaterThanOrEqual(64 * 1024);
  await turn();
  expect(written()).toBe(line.repeat(100));
});

describe('the last words of a process', () => {
  function end(how: string) {
    const program = `
      import { createLogger } from '#ops/log.ts';
      const log = createLogger({ replica: 'r', log: { level: 'info' } });
      log.info('last words');
      ${how}`;
    const { stdout, status, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { encoding: 'utf8' },
    );
    return { said: stdout.includes('"msg":"last words"'), status, signal };
  }

  test('are written when it ends by itself', () => {
    expect(end('')).toEqual({ said: true, status: 0, signal: null });
  });

  test('are written before it exits in the same turn', () => {
    expect(end('process.exit(3);')).toEqual({ said: true, status: 3, signal: null });
  });

  test('are written when it ends by an error that nobody caught', () => {
    expect(end("throw new Error('a bug');")).toEqual({ said: true, status: 1, signal: null });
  });

  test('are written when it is killed after a line of level fatal', () => {
    expect(end("log.fatal('dying'); process.kill(process.pid, 'SIGKILL');")).toEqual({
      said: true,
      status: null,
      signal: 'SIGKILL',
    });
  });
});
