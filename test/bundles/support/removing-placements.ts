import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { createOrders, type Order } from '#bundles/controller/placement/order.ts';
import type { Landings } from '#bundles/controller/landings.ts';
import { type Placements, startPlacements } from '#bundles/controller/placement/placements.ts';
import type { RemovalWish, TargetKey } from '#bundles/controller/placement/removals.ts';
import type { PlacementKind, PlacementTarget } from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import { systemClock } from '#kube/clock.ts';
import type { AnyObject } from '#kube/object.ts';
import type { KubeRequest, KubeResponse } from '#kube/requester.ts';
import { silent, testSignal } from '../../kube/lab.ts';
import { noLandings } from './landings.ts';
import { bundleOf, type FakeCluster } from './fake-cluster.ts';

const owner = 'east.test';

/** Of the namespaces with the label `roots=wanted`. */
export function selecting(kind: PlacementKind): PlacementTarget {
  const namespaceSelector = { matchLabels: { roots: 'wanted' } };
  const keys = [{ key: 'ca.crt', format: 'pem' } as const];
  return { kind, name: 'roots', required: true, spec: { namespaceSelector, keys, adopt: false } };
}

/** Placements in a fake cluster of a TrustBundle that takes its only target with it; what is deleted there is gone at once. */
export async function removingPlacements(
  cluster: FakeCluster,
  target: PlacementTarget,
  landings: Landings = noLandings,
) {
  const signal = testSignal();
  const watch = Promise.withResolvers<void>();
  let isLate = false;
  const bundle = await bundleOf(owner);
  const terms = { prunes: true, held: true };
  const order: Order = createOrders().of(target, owner, { bundle, error: undefined, partial: false }, terms);
  let targets: readonly PlacementTarget[] = [target];
  let told: readonly TargetKey[] = [];
  const placements: Placements = startPlacements({
    client: removing(cluster, async () => (isLate ? watch.promise : undefined)),
    log: silent,
    signal,
    clock: systemClock,
    random: Math.random,
    staleMs: 120_000,
    verifyMs: 300_000,
    reserved: [],
    isLeader: () => true,
    landings,
    verdict: () => undefined,
    targetsOf: () => targets,
    reflectorObserver: () => ({}),
    queueObserver: () => ({}),
    onWritten: () => undefined,
    onUnheld: () => undefined,
    onProgress: () => undefined,
    onWatchChange: () => undefined,
  });
  const wish = (): RemovalWish => ({
    owner,
    targets,
    left: targets.length === 0 ? told : [],
    isWritten: () => true,
  });
  const place = () => placements.settle(owner, targets.length === 0 ? [] : [order]);
  return {
    /** How many namespaces it has, as the watch shows them. */
    selected: () => place().flatMap((report) => report.placements?.namespaces ?? [])[0] ?? 0,
    /** One look of the reconciler: what is told of what is left. */
    look: async () => {
      place();
      return placements.remove(wish(), signal);
    },
    /** The watch shows no ConfigMap that is written from now on, until the returned function is called. */
    delayWatch: () => {
      isLate = true;
      return watch.resolve;
    },
    /** The target left the specification, or its TrustBundle is being deleted; with others, as its status tells. */
    leave: (...others: readonly TargetKey[]) => {
      targets = [];
      told = [target, ...others];
    },
  };
}

/**
 * The client of the fake, which also deletes and answers sealed.
 * @param arrival what an event of ConfigMaps waits for
 */
function removing({ client, maps }: FakeCluster, arrival: () => Promise<void>): KubeClient {
  async function answer({ method, path }: KubeRequest, ask: () => Promise<unknown>): Promise<unknown> {
    if (method !== 'GET') return ask();
    const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/[^/]+\/(.+)$/.exec(path) ?? [];
    return client.get({ plural: '', group: '', version: '', kind: '', namespaced: true }, name, {
      namespace,
    });
  }
  return {
    ...client,
    async request<T>(request: KubeRequest): Promise<KubeResponse<T>> {
      const found = await answer(request, async () => (await client.request<AnyObject>(request)).body);
      const body = request.sealed === true ? Buffer.from(JSON.stringify(found)) : found;
      return { body: body as T, status: 200, serverTime: undefined };
    },
    async openWatch(resource, options, query) {
      const stream = await client.openWatch(resource, options, query);
      if (resource.plural !== 'configmaps') return stream;
      const late = Object.assign(new PassThrough(), { headers: stream.headers });
      stream.on('data', (event) => void arrival().then(() => late.write(event)));
      return late as unknown as IncomingMessage;
    },
    async delete(_resource, name, { namespace = '' } = {}) {
      maps.delete(`${namespace}/${name}`);
    },
  };
}
