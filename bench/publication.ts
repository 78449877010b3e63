import { setTimeout as sleep } from 'node:timers/promises';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { patchOf } from '#bundles/controller/placement/answer.ts';
import { HASH_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { KubeClient } from '#kube/client.ts';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import { configMaps, namespaces, type Resource, trustBundles } from '#kube/resource.ts';
import { type BenchControlPlane, benchControlPlane } from './control-plane.ts';
import { forAll } from './in-flight.ts';
import { type Replica, replicas } from './replica.ts';
import { patienceMs, type Sightings, watchMetadata } from './sightings.ts';

/** On what the benchmark looks at, ours and the floor's alike, so that one watch sees both and neither pays for it alone. */
export const benchLabel = 'bench';
/** As many namespaces as a large cluster has. */
export const manyNamespaces = 1_000;
/** Of a namespace that bundles are published to. */
export const selected = { [benchLabel]: 'selected' } as const;

type Target = TrustBundle['spec']['targets'][number];
type TargetStatus = NonNullable<NonNullable<TrustBundle['status']>['targets']>[number];

/** One replica that publishes bundles, on a control plane of its own and under the shipped rights. */
export interface Publication extends Pick<BenchControlPlane, 'on' | 'compact'> {
  readonly replica: Replica;
  /** The product's account, for the floor: the API server judges and queues both alike. */
  readonly account: KubeClient;
  readonly watch: (resource: Resource, labelSelector?: string) => Promise<Sightings>;
  /** Namespaces `<prefix>-<n>`. */
  readonly makeNamespaces: (
    prefix: string,
    count: number,
    labels?: Readonly<Record<string, string>>,
  ) => Promise<string[]>;
  /** A ConfigMap in the namespace of sources, and a TrustBundle of its name that reads it and has one target. */
  readonly publish: (name: string, pem: string, target: Target) => Promise<void>;
  /** Gives the source of that name other content. */
  readonly changeSource: (name: string, pem: string) => Promise<void>;
  /** Waits until its status says this of every target that was read back: then the replica is at rest. */
  readonly settled: (name: string, isSettled: (target: TargetStatus) => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openPublication(components: readonly string[] = []): Promise<Publication> {
  const { on, compact, close } = await benchControlPlane(components);
  await on.createAuthority();
  const replica = (await replicas(on))();
  await replica.ready();
  const token = await on.kubectl(['create', 'token', 'mangrove', '--namespace', on.namespace]);
  const watches: Sightings[] = [];

  return {
    on,
    replica,
    account: on.client(token.trim()),
    compact,
    async watch(resource, labelSelector) {
      const watch = await watchMetadata(on.admin, resource, labelSelector);
      watches.push(watch);
      return watch;
    },
    async makeNamespaces(prefix, count, labels = {}) {
      const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
      await forAll(16, names, (name) =>
        on.admin.create<AnyObject>(namespaces, { metadata: { name, labels } }),
      );
      return names;
    },
    async publish(name, pem, target) {
      const source = { metadata: { name, namespace: on.sources }, data: { 'ca.crt': pem } };
      await on.admin.create<ConfigMap>(configMaps, source);
      const spec: TrustBundle['spec'] = {
        trustDomain: name,
        sources: [{ configMap: { name } }],
        targets: [target],
        // Each round takes all roots away and gives others.
        maxShrinkPercent: 100,
      };
      await on.admin.create<Omit<TrustBundle, 'apiVersion' | 'kind'>>(trustBundles, {
        metadata: { name },
        spec,
      });
    },
    async changeSource(name, pem) {
      const patch = Buffer.from(JSON.stringify({ data: { 'ca.crt': pem } }));
      await patchOf(on.admin, { kind: 'configMap', name, namespace: on.sources }, [patch]);
    },
    async settled(name, isSettled) {
      const deadline = performance.now() + patienceMs;
      while (performance.now() < deadline) {
        const { status } = await on.admin.get<TrustBundle>(trustBundles, name);
        if (status?.targets?.every(isSettled) === true) return;
        await sleep(200);
      }
      throw new Error(`the targets of ${name} never held the bundle, by its status`);
    },
    async close() {
      await Promise.all(watches.map((watch) => watch.close()));
      await replica.stop();
      await close();
    },
  };
}

/** What an object says of the bundle that it holds. */
export function hashOf({ metadata }: AnyObject): string | undefined {
  return metadata.annotations?.[HASH_ANNOTATION];
}
