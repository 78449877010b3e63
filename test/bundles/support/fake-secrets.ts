import { createOrders, type Order } from '#bundles/controller/placement/order.ts';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import type { PlacementTarget } from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import type { ConfigMap } from '#kube/object.ts';
import type { KubeRequest, KubeResponse } from '#kube/requester.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** The client of a fake cluster that has Secrets as well, one in each namespace, which are created and read; they count as requests. */
export function withSecrets({ client, requests }: FakeCluster): KubeClient {
  const stored = new Map<string, ConfigMap>();

  function answer({ method, body }: KubeRequest, namespace: string): ConfigMap {
    const found = stored.get(namespace);
    if (method === 'GET') {
      if (found === undefined) throw new KubeError('KUBE_NOT_FOUND', 'there is none');
      return found;
    }
    if (found !== undefined) throw new KubeError('KUBE_ALREADY_EXISTS', 'there is one');
    const sent = JSON.parse(Buffer.concat(body as Buffer[]).toString()) as ConfigMap;
    const own = { uid: namespace, namespace, resourceVersion: '1' };
    const made = { ...sent, metadata: { ...sent.metadata, ...own } };
    stored.set(namespace, made);
    return made;
  }

  async function request<T>(call: KubeRequest): Promise<KubeResponse<T>> {
    const namespace = /namespaces\/([^/]+)\/secrets/.exec(call.path)?.[1];
    if (namespace === undefined) return client.request<T>(call);
    requests.push(`${call.method} ${namespace}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const body = Buffer.from(JSON.stringify(answer(call, namespace)));
    return { body: body as T, status: 200, serverTime: undefined };
  }

  return Object.assign({}, client, { request });
}

/** Of a Secret in every namespace. */
export function secretOrder(owner: string, bundle: Bundle, held: boolean): Order {
  const keys = [{ key: 'ca.crt', format: 'pem' as const }];
  const spec = { namespaceSelector: {}, keys, adopt: false };
  const target: PlacementTarget = { kind: 'secret', name: 'roots', required: true, spec };
  const content = { bundle, error: undefined, partial: false };
  return createOrders().of(target, owner, content, { prunes: true, held });
}
