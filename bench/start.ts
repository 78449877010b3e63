import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '#sandbox/package-root.ts';
import type { Benchmark } from './benchmark.ts';
import { benchControlPlane } from './control-plane.ts';

const launcher = join(packageRoot(), 'bin', 'mangrove');

export const start: Benchmark = {
  name: 'start',
  unit: 'starts per second',
  does: 'dist/mangrove.mjs from its start until /readyz says that it can sign, on a ledger and an authority that exist',
  against: 'the same program prints its version; 0.08 of that is 1.2 s where that takes 0.1 s',
  target: 0.08,
  quick: false,
  pinned: false,
  async open() {
    const { on, close } = await benchControlPlane();
    await on.createAuthority();
    const port = await freePort();
    const config = { ...(await on.config()), http: { host: '127.0.0.1', port } };
    const path = join(on.directory, 'mangrove.json');
    writeFileSync(path, JSON.stringify(config));
    const first = startReplica(path);
    await ready(port);
    await stop(first);
    let resident = 0;

    return {
      async round() {
        const started = performance.now();
        const replica = startReplica(path);
        await ready(port);
        const ms = performance.now() - started;
        await sleep(3_000);
        resident = Math.max(resident, residentBytes(replica.pid));
        await stop(replica);
        return { rate: 1000 / ms, latencies: [ms] };
      },
      floor() {
        const started = performance.now();
        spawnSync(launcher, ['version']);
        return Promise.resolve(1000 / (performance.now() - started));
      },
      resident: () => resident,
      close,
    };
  },
};

function startReplica(config: string): ChildProcess {
  return spawn(launcher, ['controller', '--config', config], { stdio: 'ignore' });
}

async function stop(replica: ChildProcess): Promise<void> {
  replica.kill('SIGTERM');
  await once(replica, 'exit');
}

async function ready(port: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await sleep(10);
  }
}

/** Of a process that is idle. */
function residentBytes(pid: number | undefined): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
