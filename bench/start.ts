import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from './benchmark.ts';
import { benchControlPlane } from './control-plane.ts';
import { launcher, replicas } from './replica.ts';

export const start: Benchmark = {
  name: 'start',
  unit: 'starts per second',
  does: 'dist/mangrove.mjs from its start until /readyz says that it can sign, on a ledger and an authority that exist; rss is asked to stay below 130 MB',
  against: 'the same program prints its version; 0.08 of that is 1.2 s where that takes 0.1 s',
  target: 0.08,
  quick: false,
  pinned: false,
  async open() {
    const { on, close } = await benchControlPlane();
    await on.createAuthority();
    const startReplica = await replicas(on);
    const first = startReplica();
    await first.ready();
    await first.stop();
    let resident = 0;

    return {
      async round() {
        const started = performance.now();
        const replica = startReplica();
        await replica.ready();
        const ms = performance.now() - started;
        await sleep(3_000);
        resident = Math.max(resident, replica.residentBytes());
        await replica.stop();
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
