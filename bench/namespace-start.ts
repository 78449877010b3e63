import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import { configMaps, namespaces } from '#kube/resource.ts';
import type { Benchmark, OpenBenchmark, Sample } from './benchmark.ts';
import { oneAtATime } from './measure.ts';
import { benchLabel, manyNamespaces as standing, openPublication, selected } from './publication.ts';
import { fewRoots, rootSets } from './root-sets.ts';

const bundles = Array.from({ length: 10 }, (_, index) => `start-${index}.test`);
const starts = 60;
const everyMs = 100;

export const namespaceStart: Benchmark = {
  name: 'namespace-start',
  unit: 'namespaces per second, one at a time',
  does: `a namespace is created every ${everyMs} ms beside ${standing}, until it has the ConfigMaps of 10 bundles (6 kB each); p99 at most 1 s, resident at most 200 MB`,
  against:
    'as many namespaces at the same pace, in each of which the same account creates such ConfigMaps at once',
  target: 0.6,
  quick: false,
  pinned: false,
  rounds: 5,
  open,
};

async function open(): Promise<OpenBenchmark> {
  const [pem] = await rootSets(fewRoots);
  const { on, account, watch, compact, replica, ...publication } = await openPublication([
    'configmap-targets',
  ]);
  const placed = await watch(configMaps, benchLabel);
  await publication.makeNamespaces('standing', standing, selected);
  const all = placed.collect(
    standing * bundles.length,
    ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
  );
  const labels = { [benchLabel]: 'placed' };
  for (const name of bundles) {
    await publication.publish(name, pem, {
      configMap: { name, namespaceSelector: { matchLabels: selected }, labels },
    });
  }
  await all;
  await settled(standing);
  await compact();
  let selecting = standing;
  let made = 0;

  /** What was written is read back. */
  async function settled(count: number): Promise<void> {
    for (const name of bundles) await publication.settled(name, ({ holding }) => holding === count);
  }

  /** From before the namespace is asked for, until the watch shows the last of its ConfigMaps. */
  async function start(
    more: Readonly<Record<string, string>>,
    fill: (namespace: string) => Promise<unknown>,
  ) {
    const name = `new-${(made += 1)}`;
    const whole = placed.collect(bundles.length, ({ metadata }) =>
      metadata.namespace === name ? metadata.name : undefined,
    );
    const started = performance.now();
    await on.admin.create<AnyObject>(namespaces, { metadata: { name, labels: more } });
    await fill(name);
    return Math.max(...(await whole).values()) - started;
  }

  async function inSteps(one: () => Promise<number>): Promise<Sample> {
    const running: Promise<number>[] = [];
    const began = performance.now();
    while (running.length < starts) {
      running.push(one());
      await sleep(Math.max(0, began + running.length * everyMs - performance.now()));
    }
    return oneAtATime(await Promise.all(running));
  }

  function fillBare(namespace: string): Promise<unknown> {
    const data = { 'ca.crt': pem };
    const create = (name: string) =>
      account.create<ConfigMap>(configMaps, { metadata: { name, namespace, labels }, data });
    return Promise.all(bundles.map(create));
  }

  return {
    async round() {
      const sample = await inSteps(() => start(selected, () => Promise.resolve()));
      selecting += starts;
      await settled(selecting);
      return sample;
    },
    floor: async () => (await inSteps(() => start({}, fillBare))).rate,
    resident: () => replica.residentBytes(),
    close: () => publication.close(),
  };
}
