import { spawn } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Installation } from '../../support/installation.ts';

/** A replica whose every corner can be searched. */
export interface ExposedReplica {
  readonly port: number;
  /** All that it logged, at the most talkative level and without redaction. */
  log(): Buffer;
  /** A key that this process keeps as text and bytes on purpose. */
  readonly decoy: Buffer;
  /** After a full garbage collection. */
  heapSnapshot(): Promise<Buffer>;
  /** What lies in its writable memory, as a core dump would have it. */
  memory(): Buffer[];
  /** Of the keys that it made and still holds. To be asked for last. */
  keys(): Promise<KeyObject[]>;
  stop(): Promise<void>;
}

const child = new URL('exposed-child.ts', import.meta.url).pathname;

export async function startExposedReplica(on: Installation, ordinal: number): Promise<ExposedReplica> {
  const path = (suffix: string): string => join(on.directory, `exposed-${ordinal}.${suffix}`);
  writeFileSync(path('json'), JSON.stringify(await on.config(ordinal)));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(path('pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  // V8 cuts strings off at 1,024 characters unless told otherwise: the body of an answer is longer.
  const args = ['--expose-gc', '--heap-snapshot-string-limit=10000000', child];
  const started = spawn(process.execPath, [...args, path('json'), path('log'), path('pem')], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = once(started, 'exit');
  const answer = async (): Promise<unknown> => {
    const [message]: unknown[] = await Promise.race([once(started, 'message'), gone]);
    return message;
  };
  const ask = (message: string): Promise<unknown> => {
    const answered = answer();
    started.send(message);
    return answered;
  };
  const { port } = (await answer()) as { port: number };

  return {
    port,
    decoy: secretOf(privateKey),
    log: () => readFileSync(path('log')),
    async heapSnapshot() {
      await ask(`snapshot ${path('heapsnapshot')}`);
      return readFileSync(path('heapsnapshot'));
    },
    memory: () => [...memoryOf(started.pid ?? 0)],
    async keys() {
      const keys = (await ask('keys')) as (string | null)[];
      return keys.filter((key) => key !== null).map((key) => createPrivateKey(key));
    },
    async stop() {
      started.kill('SIGTERM');
      await gone;
    },
  };
}

/** The secret number of a key: `d` of its JWK (RFC 7518 §6.2.2.1). */
export function secretOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
}

const page = 65_536;
const empty = Buffer.alloc(page);

/** Every writable segment of a process but compiled code, without what was never used. The process stands still meanwhile. */
function* memoryOf(pid: number): Generator<Buffer> {
  process.kill(pid, 'SIGSTOP');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw-/.exec(line) ?? [];
      if (start === undefined || end === undefined) continue;
      const from = BigInt(`0x${start}`);
      const segment = Buffer.alloc(Number(BigInt(`0x${end}`) - from));
      const length = readSync(memory, segment, 0, segment.length, from);
      yield* usedRuns(segment.subarray(0, length));
    }
  } finally {
    closeSync(memory);
    process.kill(pid, 'SIGCONT');
  }
}

/** A copy of each run of pages that hold anything. */
function* usedRuns(segment: Buffer): Generator<Buffer> {
  let start = 0;
  for (let at = 0; at < segment.length; at += page) {
    const unused = segment.subarray(at, at + page).equals(empty);
    if (unused && at > start) yield Buffer.from(segment.subarray(start, at));
    if (unused) start = at + page;
  }
  if (segment.length > start) yield Buffer.from(segment.subarray(start));
}
