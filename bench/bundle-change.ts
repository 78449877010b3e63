import { setTimeout as sleep } from 'node:timers/promises';
import { HASH_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles } from '#kube/resource.ts';
import type { Benchmark, OpenBenchmark, Sample } from './benchmark.ts';
import { oneAtATime } from './measure.ts';
import { openPublication, type Publication } from './publication.ts';
import { fewRoots, rootSets } from './root-sets.ts';
import type { Sightings } from './sightings.ts';

/** Even, so that every round begins with the set that is not there. */
const changes = 40;
/** Changes are rare: each finds the replica at rest. */
const restMs = 100;
const domain = 'bundle-change.test';

export const bundleChange: Benchmark = {
  name: 'bundle-change',
  unit: 'changes per second, one at a time',
  does: 'a ConfigMap with 4 roots (6 kB) is written, until a watch shows the ClusterTrustBundle with them; p99 at most 100 ms',
  against: 'one write of such a ClusterTrustBundle, by the same account, until the same watch shows it',
  target: 0.3,
  quick: false,
  pinned: false,
  rounds: 7,
  open,
};

async function open(): Promise<OpenBenchmark> {
  const sets = await rootSets(fewRoots);
  const publication = await openPublication();
  const watch = await publication.watch(clusterTrustBundles);
  const first = shown(watch, domain);
  await publication.publish(domain, sets[0], { clusterTrustBundle: { name: domain } });
  await first;
  const write = await openBareWrite(publication, sets[0]);
  let turn = 0;

  /** What is written in each turn is what was not there before. */
  function inTurns(object: string, task: (pem: string, turn: number) => Promise<unknown>): Promise<Sample> {
    return oneByOne(watch, object, () => {
      turn += 1;
      return task(sets[turn % 2 === 0 ? 0 : 1], turn);
    });
  }

  return {
    round: () => inTurns(domain, (pem) => publication.changeSource(domain, pem)),
    floor: async () => (await inTurns(bareName, write)).rate,
    resident: () => publication.replica.residentBytes(),
    close: () => publication.close(),
  };
}

/** From before its write was sent. */
async function oneByOne(watch: Sightings, object: string, change: () => Promise<unknown>): Promise<Sample> {
  const latencies: number[] = [];
  for (let index = 0; index < changes; index += 1) {
    await sleep(restMs * (0.5 + Math.random()));
    const seen = shown(watch, object);
    const started = performance.now();
    await change();
    latencies.push((await seen) - started);
  }
  return oneAtATime(latencies);
}

/** The moment at which the watch shows another bundle in an object than before. */
async function shown(watch: Sightings, name: string): Promise<number> {
  const seen = await watch.collect(1, (object) => (object.metadata.name === name ? name : undefined));
  return seen.get(name) ?? 0;
}

const bareName = 'bundle-change.floor';

async function openBareWrite(
  { account }: Publication,
  pem: string,
): Promise<(pem: string, turn: number) => Promise<void>> {
  const name = bareName;
  const object: ClusterTrustBundle = { metadata: { name }, spec: { trustBundle: pem } };
  let { resourceVersion } = (await account.create<ClusterTrustBundle>(clusterTrustBundles, object)).metadata;
  return async (trustBundle, turn) => {
    const annotations = { [HASH_ANNOTATION]: String(turn).padStart(64, '0') };
    const metadata = { name, resourceVersion: resourceVersion ?? '', annotations };
    const next: ClusterTrustBundle = { metadata, spec: { trustBundle } };
    ({ resourceVersion } = (
      await account.update(clusterTrustBundles, next, { metadataOnly: true })
    ).metadata);
  };
}
