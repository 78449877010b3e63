import { createOrders, type Order } from '#bundles/controller/placement/order.ts';
import { type Placements, startPlacements } from '#bundles/controller/placement/placements.ts';
import type { RemovalWish } from '#bundles/controller/placement/removals.ts';
import type { PlacementKind, PlacementTarget } from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import { systemClock } from '#kube/clock.ts';
import type { AnyObject } from '#kube/object.ts';
import type { KubeRequest, KubeResponse } from '#kube/requester.ts';
import { silent, testSignal } from '../../kube/lab.ts';
import { bundleOf, type FakeCluster } from './fake-cluster.ts';

const owner = 'east.test';

/** Of the namespaces with the label `roots=wanted`. */
export function selecting(kind: PlacementKind): PlacementTarget {
  const namespaceSelector = { matchLabels: { roots: 'wanted' } };
  const keys = [{ key: 'ca.crt', format: 'pem' } as const];
  return { kind, name: 'roots', required: true, spec: { namespaceSelector, keys, adopt: false } };
}

/** Placements in a fake cluster of a TrustBundle that takes its only target with it; what is deleted there is gone at once. */
export async function removingPlacements(cluster: FakeCluster, target: PlacementTarget) {
  const bundle = await bundleOf(owner);
  const terms = { prunes: true, held: true };
  const order: Order = createOrders().of(target, owner, { bundle, error: undefined, partial: false }, terms);
  let targets: readonly PlacementTarget[] = [target];
  const placements: Placements = startPlacements({
    client: removing(cluster),
    log: silent,
    signal: testSignal(),
    clock: systemClock,
    random: Math.random,
    staleMs: 120_000,
    verifyMs: 300_000,
    reserved: [],
    isLeader: () => true,
    verdict: () => undefined,
    targetsOf: () => targets,
    reflectorObserver: () => ({}),
    queueObserver: () => ({}),
    onWritten: () => undefined,
    onProgress: () => undefined,
    onWatchChange: () => undefined,
  });
  const wish = (): RemovalWish => ({
    owner,
    targets,
    left: targets.length === 0 ? [target] : [],
    isWritten: () => true,
  });
  const place = () => placements.settle(owner, targets.length === 0 ? [] : [order]);
  return {
    /** How many namespaces it has, as the watch shows them. */
    selected: () => place().flatMap((report) => report.placements?.namespaces ?? [])[0] ?? 0,
    /** One look of the reconciler: what is told of what is left. */
    look() {
      place();
      return placements.remove(wish());
    },
    /** The target left the specification, or its TrustBundle is being deleted. */
    leave: () => void (targets = []),
  };
}

/** The client of the fake, which also lists, deletes, and answers sealed. */
function removing({ client, maps }: FakeCluster): KubeClient {
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
    list: async (resource, options = {}) => ({ ...(await client.listPage(resource, options)) }),
    async delete(_resource, name, { namespace = '' }) {
      maps.delete(`${namespace}/${name}`);
    },
  };
}
