import { expect, test } from 'vitest';
import { dice } from './dice.ts';
import { openScene } from './scene.ts';
import { stageForTests } from './stage.ts';
import { succession } from './succession.ts';

/** The same deaths each time, as far as two processes do the same each time; the long campaign has others. */
const seed = Number(process.env['MANGROVE_SEED'] ?? 7);
const rounds = 3;

const stage = stageForTests();

test(`two replicas live and die side by side, seed ${seed}`, { timeout: 120_000 }, async () => {
  const deaths: string[] = [];
  const scene = await openScene(stage(), 'secretAndFile');
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
