import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '#sandbox/package-root.ts';
import type { Installation } from '../test/support/installation.ts';
import { shippedMemoryLimit } from './memory-limit.ts';

export const launcher = join(packageRoot(), 'bin', 'mangrove');

/** The product as it is shipped, on a real API server, in as much memory as the manifests give it. */
export interface Replica {
  readonly signal: (signal: NodeJS.Signals) => void;
  /** The text of its metrics. */
  metrics(): Promise<string>;
  /** Resolves when it can sign. */
  ready(): Promise<void>;
  residentBytes(): number;
  /** As its end in a cluster: SIGTERM, and the wait for it. */
  stop(): Promise<void>;
}

/** Replicas of one installation, one after the other, on the same ledger. */
export async function replicas(on: Installation): Promise<() => Replica> {
  const port = await freePort();
  const path = join(on.directory, 'mangrove.json');
  // No other replica is on this control plane: it handles all that there is, as it does when it is installed.
  const everything = { authorities: undefined, bundlesWithoutAuthority: 'handle' };
  const alone = { ...(await on.config()), ...everything, http: { host: '127.0.0.1', port } };
  writeFileSync(path, JSON.stringify(alone));
  const url = `http://127.0.0.1:${port}`;
  return () => {
    const log = openSync(join(on.directory, 'mangrove.log'), 'a');
    const memory = shippedMemoryLimit();
    const [program = '', ...args] = memory.command([launcher, 'controller', '--config', path]);
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    const exited = once(child, 'exit');
    process.once('exit', () => child.kill('SIGKILL'));
    return {
      signal: (signal) => void child.kill(signal),
      metrics: async () => (await fetch(`${url}/metrics`)).text(),
      async ready() {
        for (;;) {
          const answer = await fetch(`${url}/readyz`).catch(() => undefined);
          await answer?.body?.cancel();
          if (answer?.status === 200) return;
          if (child.exitCode !== null || child.signalCode !== null)
            throw new Error(`the replica ended: see ${on.directory}`);
          await sleep(10);
        }
      },
      residentBytes() {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
      },
      async stop() {
        child.kill('SIGTERM');
        await exited;
        memory.release();
      },
    };
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
