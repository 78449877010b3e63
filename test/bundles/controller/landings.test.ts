import { expect, it } from 'vitest';
import { createLandings } from '#bundles/controller/landings.ts';
import { settleTarget } from '#bundles/controller/target.ts';
import { newTargetMemory } from '#bundles/controller/target-memory.ts';
import { systemClock } from '#kube/clock.ts';
import { KubeError } from '#kube/error.ts';
import { testSignal } from '../../kube/lab.ts';
import { bundleOf, fakeCluster } from '../support/fake-cluster.ts';
import { unwatchedApi } from '../support/served-api.ts';

const day = Date.parse('2026-01-01T00:00:00Z');

/** @param createdAt of every TrustBundle */
function landings(createdAt: number | undefined) {
  const time = { ms: 5_000 };
  const made = createLandings({
    landingMs: 1_000,
    now: () => time.ms,
    wall: () => day + time.ms,
    createdAt: () => createdAt,
  });
  return { made, pass: (ms: number) => void (time.ms += ms) };
}

it('what whoever led before has sent is awaited for so long after each beginning, and for no TrustBundle that is newer', () => {
  for (const createdAt of [day, day + 5_000, undefined]) {
    const { made, pass } = landings(createdAt);
    expect(made.isAwaited('east.test')).toBe(true);
    pass(999);
    expect(made.isAwaited('east.test')).toBe(true);
    pass(1);
    expect(made.isAwaited('east.test')).toBe(false);
    made.begin();
    expect(made.isAwaited('east.test')).toBe(true);
  }
  expect(landings(day + 6_000).made.isAwaited('east.test')).toBe(false);
});

it('what was sent and not answered is awaited for so long after its last loss, for its TrustBundle alone', () => {
  const { made, pass } = landings(day + 6_000);
  made.lost('east.test');
  pass(999);
  made.lost('east.test');
  pass(999);
  expect(made.isAwaited('east.test')).toBe(true);
  expect(made.isAwaited('west.test')).toBe(false);
  pass(1);
  expect(made.isAwaited('east.test')).toBe(false);
});

it('what was sent of a ClusterTrustBundle and not answered is awaited, and what was refused is not', async () => {
  for (const [code, isAwaited] of [
    ['KUBE_OUTCOME_UNKNOWN', true],
    ['KUBE_FORBIDDEN', false],
  ] as const) {
    const { made } = landings(day + 6_000);
    const create = async () => Promise.reject(new KubeError(code, 'it was not made, or nobody heard of it'));
    const client = { ...fakeCluster(0).client, create };
    const common = { clock: systemClock, random: Math.random, staleMs: 120_000 };
    const tools = { ...common, client, api: unwatchedApi, landings: made };
    const [owner, trustDomain] = ['east.test', 'east.test'];
    const target = { signerName: 'example.org/signer', channel: 'live' } as const;
    const wish = { owner, bundle: await bundleOf(trustDomain), bundleError: undefined, growOnly: false };
    const verdict = { winner: owner, losers: [] };
    const task = { ...wish, verdict, name: 'roots', target, trustDomain, signal: testSignal() };
    expect((await settleTarget(task, newTargetMemory(), tools)).error).toBeDefined();
    expect(made.isAwaited(owner)).toBe(isAwaited);
  }
});
