import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { killReplicaProcesses } from '../support/replica-process.ts';
import { dice } from './dice.ts';
import { bundleReplica } from './replica-bundle.ts';
import { openScene } from './scene.ts';
import { succession } from './succession.ts';
import { type Watcher, watchEverything } from './watcher.ts';

/** The same deaths each time, as far as two processes do the same each time; the long campaign has others. */
const seed = Number(process.env['MANGROVE_SEED'] ?? 7);
const rounds = 3;

let server: TestControlPlane;
let watcher: Watcher;
let program: string;
beforeAll(async () => {
  server = await controlPlane();
  [watcher, program] = await Promise.all([watchEverything(server), bundleReplica(server.directory)]);
});
afterAll(async () => {
  await killReplicaProcesses();
  watcher.stop();
});

test(`two replicas live and die side by side, seed ${seed}`, { timeout: 120_000 }, async () => {
  const deaths: string[] = [];
  const scene = await openScene(server, watcher, program, 'secretAndFile');
  try {
    await succession(scene, {
      chance: dice(seed),
      goesOn: (round) => round < rounds,
      ordinals: () => [0, 1],
      lifeMs: 8_000,
      note: (what) => deaths.push(what),
    });
  } finally {
    await scene.close();
  }
  expect(deaths).toHaveLength(rounds);
});
