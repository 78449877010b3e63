import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { stepNames } from '#step.ts';
import type { Death } from '../support/replica-process.ts';
import { type Dice, dice } from './dice.ts';
import { type Fall, openScene, type Scene } from './scene.ts';
import { stageForTests } from './stage.ts';

const long = process.env['MANGROVE_LONG'] === '1';
const minutes = Number(process.env['MANGROVE_CRASH_MINUTES'] ?? 10);
const seed = Number(process.env['MANGROVE_SEED'] ?? randomInt(2 ** 31));

const stage = stageForTests(long);

/** A replica that dies at a step, or at any moment; where the step is not reached in time it dies all the same. */
async function fall(scene: Scene, ordinal: number, chance: Dice): Promise<Fall | undefined> {
  const death: Death = { step: chance.oneOf(stepNames), count: chance.between(1, 4) };
  const atAStep = chance.between(1, 4) > 1;
  const lifeMs = chance.between(0, atAStep ? 15_000 : 5_000);
  const replica = await scene.start(ordinal, atAStep ? death : undefined);
  const ended = await Promise.race([replica.gone, sleep(lifeMs)]);
  await replica.kill();
  if (ended === undefined) return undefined;
  if (atAStep && ended.signal === 'SIGKILL') return { ordinal, death };
  throw new Error(`replica ${ordinal} ended by itself: ${JSON.stringify(ended)}`);
}

/** Deaths of one or two replicas, again and again, and then a good end. */
async function installation(chance: Dice, until: number, note: (what: string) => void): Promise<void> {
  const scene = await openScene(stage(), chance.between(1, 2) === 1);
  try {
    for (let round = chance.between(1, 8); round > 0 && performance.now() < until; round -= 1) {
      await scene.ask(chance.between(1, 6));
      const ordinals = chance.oneOf([[0], [1], [0, 1]]);
      const falls = await Promise.all(ordinals.map((ordinal) => fall(scene, ordinal, chance)));
      const fallen = falls.filter((one) => one !== undefined);
      note(
        fallen.map(({ ordinal, death }) => `${ordinal} at ${death.step} × ${death.count}`).join(' and ') ||
          'at any time',
      );
      expect(await scene.judge({ fallen })).toEqual([]);
    }
    const survivors = new Map(
      await Promise.all([0, 1].map(async (ordinal) => [ordinal, await scene.start(ordinal)] as const)),
    );
    await scene.settled();
    expect(await scene.judge({ survivors })).toEqual([]);
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
