import { createTrustBundleCache, verdictIn } from '#bundles/controller/entry.ts';
import { startPlacements } from '#bundles/controller/placement/placements.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { silent, testSignal } from '../../kube/lab.ts';
import { noLandings } from './landings.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** Placements in a fake cluster, led by nobody but the test. */
export function fakePlacements({ client }: Pick<FakeCluster, 'client'>, clock: Clock = systemClock) {
  const bundles = createTrustBundleCache();
  const lead = { leads: true };
  const unheld: string[] = [];
  let verdicts = 0;
  const placements = startPlacements({
    client,
    log: silent,
    signal: testSignal(),
    clock,
    random: Math.random,
    staleMs: 120_000,
    verifyMs: 300_000,
    reserved: [],
    isLeader: () => lead.leads,
    landings: noLandings,
    verdict: (target, namespace) => {
      verdicts += 1;
      return verdictIn(target, namespace.labels, bundles);
    },
    targetsOf: () => undefined,
    reflectorObserver: () => ({}),
    queueObserver: () => ({}),
    onWritten: () => undefined,
    onUnheld: (owner) => void unheld.push(owner),
    onProgress: () => undefined,
    onWatchChange: () => undefined,
  });
  /** How often it was asked who publishes in one namespace: whenever a placement is looked at. */
  const looks = (): number => verdicts;
  return { placements, lead, bundles, looks, unheld };
}
