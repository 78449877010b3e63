import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Death } from '../support/replica-process.ts';
import { type Dice, dice } from './dice.ts';
import { openPromotionScene, type PromotionScene } from './promotion-scene.ts';
import { stageForTests, told } from './stage.ts';

const long = process.env['MANGROVE_LONG'] === '1';
const minutes = Number(process.env['MANGROVE_CRASH_MINUTES'] ?? 10) / 2;
const seed = Number(process.env['MANGROVE_SEED'] ?? randomInt(2 ** 31));
/** More than twice as many as are written at a time. */
const namespaces = 60;

const stage = stageForTests();

/** With something published and promoted. */
async function begun(): Promise<PromotionScene> {
  const scene = await openPromotionScene(stage(), namespaces);
  await withReplica(scene, async () => {
    await scene.shown();
    await scene.promote();
    await scene.arrived();
  });
  return scene;
}

/** A replica that lives for so long, and dies then at whatever it does. */
async function withReplica(scene: PromotionScene, task: () => Promise<void>): Promise<void> {
  const replica = await scene.start(0);
  await task();
  await replica.kill();
}

async function fallAt(scene: PromotionScene, deaths: readonly Death[]): Promise<void> {
  for (const death of deaths) {
    await scene.died(await scene.start(0, death), death);
    expect(await scene.judge(false), `after ${told([death])}`).toEqual([]);
  }
}

/** While the canary changes, and while what was promoted goes to the live targets. */
const successions: readonly { readonly changing: readonly Death[]; readonly promoting: readonly Death[] }[] =
  [
    {
      changing: [{ step: 'publish/write' }, { step: 'publish/read-back' }, { step: 'publish/status' }],
      // In the order of the flow: where the status comes last, nothing is left to be written after a death at it.
      promoting: [{ step: 'publish/write' }, { step: 'publish/read-back' }, { step: 'publish/status' }],
    },
    {
      changing: [],
      promoting: [
        { step: 'place/write' },
        { step: 'place/write', count: 26 },
        { step: 'place/write', count: 26 },
        { step: 'place/read-back' },
        { step: 'publish/status', count: 2 },
      ],
    },
  ];

test.concurrent.for(
  successions.map(
    ({ changing, promoting }) => [told([...changing, ...promoting]), changing, promoting] as const,
  ),
)('a promotion outlives deaths at %s', { timeout: 300_000 }, async ([, changing, promoting]) => {
  const scene = await begun();
  try {
    await scene.change();
    await fallAt(scene, changing);
    await withReplica(scene, () => scene.shown());
    await scene.promote();
    await fallAt(scene, promoting);
    // While nobody runs: what was promoted arrives all the same.
    await scene.change();
    await withReplica(scene, () => scene.arrived());
    expect(await scene.judge(true)).toEqual([]);
  } finally {
    await scene.close();
  }
});

const steps = [
  'publish/write',
  'publish/read-back',
  'publish/status',
  'place/write',
  'place/read-back',
] as const;

/** Sources change, somebody promotes what the canary holds, and replicas die at a step or at any moment. */
async function round(scene: PromotionScene, chance: Dice): Promise<void> {
  if (chance.between(1, 2) === 1) await scene.change();
  if (chance.between(1, 2) === 1) await scene.promote();
  const step = chance.oneOf(steps);
  const death = { step, count: chance.between(1, step === 'place/write' ? namespaces : 4) };
  const replica = await scene.start(0, chance.between(1, 4) > 1 ? death : undefined);
  await Promise.race([replica.gone, sleep(chance.between(500, 8_000))]);
  await replica.kill();
  expect(await scene.judge(false)).toEqual([]);
}

test.runIf(long)(
  `promotions outlive deaths for ${minutes} minutes, seed ${seed}`,
  { timeout: (minutes + 10) * 60_000 },
  async () => {
    const until = performance.now() + minutes * 60_000;
    process.stderr.write(`crash campaign of promotions: MANGROVE_SEED=${seed}\n`);
    const lanes = [0, 1].map(async (lane) => {
      const chance = dice(seed + lane * 1_000_003);
      const scene = await begun();
      let rounds = 0;
      for (; performance.now() < until; rounds += 1) await round(scene, chance);
      await scene.change();
      await withReplica(scene, async () => {
        await scene.shown();
        await scene.promote();
        await scene.arrived();
      });
      expect(await scene.judge(true)).toEqual([]);
      await scene.close();
      return rounds;
    });
    const rounds = (await Promise.all(lanes)).reduce((sum, one) => sum + one, 0);
    process.stderr.write(`crash campaign of promotions: ${rounds} rounds\n`);
    expect(rounds).toBeGreaterThan(minutes);
  },
);
