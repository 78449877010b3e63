import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type StepName, stepNames } from '#step.ts';
import type { Death } from '../support/replica-process.ts';
import { openScene } from './scene.ts';
import { stageForTests, told } from './stage.ts';

const stage = stageForTests();

const places = stepNames.filter((step) => /^(place|removal)[/]/.test(step));
const rank = (step: StepName): number => ['removal/release', 'removal/delete'].indexOf(step);
const steps = stepNames.filter((step) => !places.includes(step));

/**
 * Every step once, in the order of a first start: what one death leaves undone lies before the next one, so each replica
 * begins with the remains of all earlier ones. Then a few in the middle of other work.
 */
const successions: readonly (readonly Death[])[] = [
  ...[0, 5, 10, 15].map((from) => steps.slice(from, from + 5).map((step) => ({ step }))),
  [
    { step: 'authority/prepare' },
    { step: 'authority/status', count: 2 },
    { step: 'issue/result', count: 3 },
    { step: 'answer/write', count: 2 },
    ...steps.slice(20).map((step) => ({ step })),
  ],
  // Where somebody has asked for a ConfigMap, too, then for nothing to be deleted, and then for its deletion.
  places.toSorted((a, b) => rank(a) - rank(b)).map((step) => ({ step })),
];

test.concurrent.for(successions.map((deaths) => [told(deaths), deaths] as const))(
  'replicas die at %s',
  { timeout: 400_000 },
  async ([, deaths]) => {
    const placed = deaths.some(({ step }) => places.includes(step));
    const scene = await openScene(stage(), placed);
    try {
      // They wait for the authority that does not exist yet.
      await scene.ask(2);
      for (const death of deaths) {
        // The life before may have answered all that waited: each has as many requests of its own as its step counts.
        await scene.ask(death.count ?? 1);
        await scene.change(death.step);
        await scene.died(await scene.start(0, death), death);
        expect(await scene.judge({ fallen: [{ ordinal: 0, death }] }), `after ${death.step}`).toEqual([]);
      }
      const survivor = await scene.start(0);
      await scene.settled();
      expect(await scene.judge({ survivors: new Map([[0, survivor]]) })).toEqual([]);
    } finally {
      await scene.close();
    }
  },
);

test('every step is told in docs/architecture.md, and no other', () => {
  const page = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
  const told = [...page.matchAll(/^\| `([a-z-]+\/[a-z-]+)`: /gm)].map(([, name]) => name as StepName);
  expect(told.toSorted()).toEqual(stepNames.toSorted());
});
