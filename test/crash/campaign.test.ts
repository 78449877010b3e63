import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type StepName, stepNames } from '#step.ts';
import type { Death } from '../support/replica-process.ts';
import type { PlacedKind } from './placed-targets.ts';
import { openScene } from './scene.ts';
import { stageForTests, told } from './stage.ts';

const stage = stageForTests();

const places = stepNames.filter((step) => /^(place|removal)[/]/.test(step));
const rank = (step: StepName): number => ['removal/release', 'removal/delete'].indexOf(step);
const steps = stepNames.filter((step) => !places.includes(step));

interface Succession {
  /** What an operator has asked for beside the ClusterTrustBundle. */
  readonly placed?: PlacedKind;
  readonly deaths: readonly Death[];
}

/**
 * Every step once, in the order of a first start: what one death leaves undone lies before the next one, so each replica
 * begins with the remains of all earlier ones. Then a few in the middle of other work.
 */
const successions: readonly Succession[] = [
  // Before each write of either, and before each is read back; ClusterTrustBundle and file are written side by side.
  {
    placed: 'secretAndFile',
    deaths: [
      { step: 'removal/hold' },
      { step: 'publish/write', count: 2 },
      { step: 'place/write' },
      { step: 'place/read-back' },
      { step: 'publish/write' },
      { step: 'publish/read-back' },
    ],
  },
  ...[0, 5, 10, 15].map((from) => ({ deaths: steps.slice(from, from + 5).map((step) => ({ step })) })),
  {
    deaths: [
      { step: 'authority/prepare' },
      // Once: where the machine is slow, one status tells of several steps.
      { step: 'authority/status' },
      { step: 'issue/result', count: 3 },
      { step: 'answer/write', count: 2 },
      ...steps.slice(20).map((step) => ({ step })),
    ],
  },
  // For nothing to be deleted, and then for its deletion.
  { placed: 'configMap', deaths: places.toSorted((a, b) => rank(a) - rank(b)).map((step) => ({ step })) },
  // First the file goes, then the Secret.
  { placed: 'secretAndFile', deaths: [{ step: 'removal/delete' }, { step: 'removal/delete', count: 2 }] },
];

const name = ({ placed, deaths }: Succession): string =>
  `${placed === undefined ? '' : `with ${placed}, `}${told(deaths)}`;

test.concurrent.for(successions.map((one) => [name(one), one] as const))(
  'replicas die: %s',
  { timeout: 400_000 },
  async ([, { placed, deaths }]) => {
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
