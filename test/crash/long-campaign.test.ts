import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Dice, dice } from './dice.ts';
import type { PlacedKind } from './placed-targets.ts';
import { openScene } from './scene.ts';
import { stageForTests } from './stage.ts';
import { succession } from './succession.ts';

const long = process.env['MANGROVE_LONG'] === '1';
const minutes = Number(process.env['MANGROVE_CRASH_MINUTES'] ?? 10);
const seed = Number(process.env['MANGROVE_SEED'] ?? randomInt(2 ** 31));

const stage = stageForTests(long);

/** One or two replicas die, and there is a good end. */
async function installation(chance: Dice, until: number, note: (what: string) => void): Promise<void> {
  const placed = chance.oneOf<PlacedKind | undefined>([undefined, 'configMap', 'secretAndFile']);
  const scene = await openScene(stage(), placed);
  const most = chance.between(1, 8);
  try {
    await succession(scene, {
      chance,
      goesOn: (rounds) => rounds < most && performance.now() < until,
      ordinals: () => chance.oneOf([[0], [1], [0, 1]]),
      lifeMs: 15_000,
      note,
    });
  } finally {
    await scene.close();
  }
}

test.runIf(long)(
  `replicas die for ${minutes} minutes, seed ${seed}`,
  { timeout: (minutes + 10) * 60_000 },
  async () => {
    const until = performance.now() + minutes * 60_000;
    const deaths: string[] = [];
    process.stderr.write(`crash campaign: MANGROVE_SEED=${seed}\n`);
    // Side by side: most of the time they wait for a Lease to lapse.
    await Promise.all(
      [0, 1, 2].map(async (lane) => {
        for (let turn = 0; performance.now() < until; turn += 1) {
          const chance = dice(seed + lane * 1_000_003 + turn);
          await installation(chance, until, (what) => deaths.push(`${lane}: ${what}`));
        }
      }),
    );
    process.stderr.write(`crash campaign: ${deaths.length} rounds\n`);
    expect(deaths.length).toBeGreaterThan(minutes);
  },
);
