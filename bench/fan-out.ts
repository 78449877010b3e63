import assert from 'node:assert/strict';
import { patchOf } from '#bundles/controller/placement/answer.ts';
import { HASH_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { KubeClient } from '#kube/client.ts';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';
import type { Benchmark, OpenBenchmark } from './benchmark.ts';
import { forAll } from './in-flight.ts';
import {
  benchLabel,
  hashOf,
  manyNamespaces as count,
  openPublication,
  type Publication,
  selected,
} from './publication.ts';
import { fewRoots, pemBlocksOf, rootSets } from './root-sets.ts';

/** As many as the product has under way. */
const writers = 24;
const samples = 5;
const domain = 'fan-out.test';
const name = 'roots';
const floorLabels = { [benchLabel]: 'floor' };

export const fanOut: Benchmark = {
  name: 'fan-out',
  does: 'a source of 140 roots (213 kB) changes, until 1,000 namespaces hold the new ConfigMap',
  target: 0.85,
  rounds: 4,
  ...common(140),
};

export const fanOutSmall: Benchmark = {
  name: 'fan-out-small',
  does: 'a source of 4 roots (6 kB) changes, until 1,000 namespaces hold the new ConfigMap',
  // Of so small a write the watch that shows it to the product is a larger part.
  target: 0.85,
  rounds: 9,
  // As in drain: V8 goes on compiling for some ten thousand requests.
  warmUpRounds: 8,
  ...common(fewRoots),
};

function common(roots: number): Omit<Benchmark, 'name' | 'does' | 'target'> {
  return {
    unit: 'ConfigMaps per second',
    against: `the same API server takes strategic merge patches of as many bytes, by the same account, from a bare loop of ${writers}`,
    quick: false,
    pinned: false,
    open: () => open(roots),
  };
}

async function open(roots: number): Promise<OpenBenchmark> {
  const sets = await rootSets(roots);
  const publication = await openPublication(['configmap-targets']);
  const { on, compact, replica } = publication;
  const watch = await publication.watch(configMaps, benchLabel);
  const namespaces = await publication.makeNamespaces('ours', count, selected);
  const bareLoop = await openBareLoop(publication, sets);
  let hash: string | undefined;

  /** The moments at which the namespaces had another bundle than before. */
  async function changed(): Promise<ReadonlyMap<string, number>> {
    let next: string | undefined;
    const seen = await watch.collect(count, (object) => {
      if (object.metadata.labels?.[benchLabel] !== domain || hashOf(object) === hash) return undefined;
      next = hashOf(object);
      return object.metadata.namespace;
    });
    hash = next;
    return seen;
  }

  async function settled(pem: string): Promise<void> {
    await publication.settled(domain, (target) => target.hash === hash);
    for (let index = 0; index < samples; index += 1) {
      const namespace = namespaces[Math.floor((index * count) / samples)];
      const { data } = await on.admin.get<ConfigMap>(configMaps, name, { namespace });
      assert.deepEqual(pemBlocksOf(data?.['ca.crt'] ?? ''), pemBlocksOf(pem));
    }
  }

  const first = changed();
  const labels = { [benchLabel]: domain };
  await publication.publish(domain, sets[0], {
    configMap: { name, namespaceSelector: { matchLabels: selected }, labels },
  });
  await first;
  await settled(sets[0]);
  await compact();
  let turn = 0;

  return {
    async round() {
      turn += 1;
      const pem = sets[turn % 2 === 0 ? 0 : 1];
      const all = changed();
      const started = performance.now();
      await publication.changeSource(domain, pem);
      const latencies = [...(await all).values()].map((at) => at - started);
      await settled(pem);
      await compact();
      return { rate: (count * 1000) / Math.max(...latencies), latencies };
    },
    async floor() {
      const rate = await bareLoop();
      await compact();
      return rate;
    },
    resident: () => replica.residentBytes(),
    close: () => publication.close(),
  };
}

/** The cheapest write that changes so much and does not overwrite others: a strategic merge patch with the version that it builds on. */
async function openBareLoop(
  { account, makeNamespaces }: Publication,
  sets: readonly [string, string],
): Promise<() => Promise<number>> {
  const versions = new Map<string, string>();
  const spaces = await makeNamespaces('floor', count);
  await forAll(writers, spaces, async (namespace) => {
    const metadata = { name, namespace, labels: floorLabels, annotations: marks(0) };
    const object: ConfigMap = { metadata, data: { 'ca.crt': sets[0] } };
    const made = await account.create<ConfigMap>(configMaps, object);
    versions.set(namespace, made.metadata.resourceVersion ?? '');
  });
  const data = sets.map((pem) => Buffer.from(`,"data":${JSON.stringify({ 'ca.crt': pem })}}`));
  let turn = 0;

  return async () => {
    turn += 1;
    const tail = data[turn % 2] ?? Buffer.alloc(0);
    const annotations = marks(turn);
    const started = performance.now();
    await forAll(writers, spaces, async (namespace) => {
      const metadata = { resourceVersion: versions.get(namespace), annotations };
      const head = Buffer.from(JSON.stringify({ metadata }).slice(0, -1));
      const written = await write(account, namespace, Buffer.concat([head, tail]));
      versions.set(namespace, written.metadata.resourceVersion ?? '');
    });
    return (count * 1000) / (performance.now() - started);
  };
}

function write(account: KubeClient, namespace: string, patch: Buffer): Promise<AnyObject> {
  return patchOf(account, { kind: 'configMap', name, namespace }, [patch]);
}

/** What says which bundle it is changes with it. */
function marks(turn: number): Readonly<Record<string, string>> {
  return { [HASH_ANNOTATION]: String(turn).padStart(64, '0') };
}
