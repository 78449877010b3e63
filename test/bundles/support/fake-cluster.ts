import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import { type TrustBundleEntry, trustBundleEntry } from '#bundles/controller/entry.ts';
import { createOrders, type Order } from '#bundles/controller/placement/order.ts';
import type { Place } from '#bundles/controller/placement/read.ts';
import type { ErrorCode } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import type { Page } from '#kube/page.ts';
import type { KubeRequest, KubeResponse } from '#kube/requester.ts';
import { clientOf } from '../../kube/lab.ts';
import { makeRoot } from './roots.ts';

type Placed = ConfigMap & { readonly metadata: { readonly namespace: string } };

/** Namespaces with ConfigMaps of one name, in memory: for what happens between two events that a real server would not wait for. */
export interface FakeCluster {
  readonly client: KubeClient;
  /** By namespace. */
  readonly maps: Map<string, Placed>;
  /** Of every request but watches: `<verb> <plural or namespace>`. */
  readonly requests: string[];
  /** Nothing may be read or written any more, and every watch ends; until the returned function is called. */
  forbid(): () => void;
  /** Watches that were asked for since. */
  refused(): number;
  /** ConfigMaps are neither listed nor watched, while all else is permitted; until the returned function is called. */
  blind(): () => void;
  /** Such requests, as in `requests`, wait until the returned function is called. */
  hold(what: string): () => void;
  /** They fail until the returned function is called, or so many times. */
  fail(what: string, code: ErrorCode, times?: number): () => void;
  /** The answer to the next create there is lost, and it is made when the returned function is called. */
  lose(namespace: string): () => void;
  /** Somebody else writes it. */
  write(namespace: string, text: string): void;
  /** The namespace changes: it has these labels now, by default none. */
  touch(namespace: string, labels?: Readonly<Record<string, string>>): void;
  /** The namespace is gone, and nobody is told of what was in it. */
  remove(namespace: string): void;
  /** How many hold that text. */
  holding(text: string): number;
}

export function fakeCluster(size: number): FakeCluster {
  const unreachable = () => Promise.reject(new Error('there is no server'));
  const real = clientOf({ credentials: { namespace: undefined, present: unreachable, invalidate() {} } });
  const maps = new Map<string, Placed>();
  const streams = new Map<string, PassThrough>();
  const held = new Map<string, Promise<void>>();
  const failures = new Map<string, { readonly code: ErrorCode; times: number }>();
  const losing = new Set<string>();
  const late = new Map<string, () => void>();
  const requests: string[] = [];
  let [version, forbidden, blind, lapsed, refused] = [1_000, false, false, false, 0];
  const spaces = Array.from({ length: size }, (_, index) => space(`ns${index}`));

  function space(name: string, labels: Readonly<Record<string, string>> = {}): AnyObject {
    version += 1;
    return { metadata: { name, uid: name, resourceVersion: String(version), labels } };
  }

  function emit(plural: string, type: string, object: AnyObject): void {
    streams.get(plural)?.write(`${JSON.stringify({ type, object })}\n`);
  }

  async function asked(what: string): Promise<void> {
    requests.push(what);
    await new Promise((resolve) => setTimeout(resolve, 1));
    await held.get(what);
    if (forbidden) throw new KubeError('KUBE_FORBIDDEN', 'forbidden');
    const failure = failures.get(what);
    if (failure === undefined) return;
    failure.times -= 1;
    if (failure.times === 0) failures.delete(what);
    throw new KubeError(failure.code, 'it fails');
  }

  function put(namespace: string, { metadata, data }: ConfigMap, type: string): Placed {
    version += 1;
    const own = { name: metadata.name, uid: namespace, namespace, resourceVersion: String(version) };
    const made: Placed = { data: { ...data }, metadata: { ...metadata, ...own } };
    // Of several names in one namespace the fake keeps the last: no test reads another.
    maps.set(`${namespace}/${metadata.name}`, made);
    emit('configmaps', type, made);
    return made;
  }

  const client: KubeClient = {
    ...real,
    async listPage<T extends AnyObject>(
      resource: { readonly plural: string },
      options: { readonly fieldSelector?: string | undefined },
    ): Promise<Page<T>> {
      await asked(`list ${options.fieldSelector ?? resource.plural}`);
      const name = options.fieldSelector?.replace('metadata.name=', '');
      const found = [...maps.values()].filter((one) => name === undefined || one.metadata.name === name);
      const items = structuredClone(resource.plural === 'namespaces' ? spaces : found) as unknown[] as T[];
      return { items, resourceVersion: String(version), next: undefined, serverTime: undefined };
    },
    list: async (resource, options = {}) => client.listPage(resource, options),
    async openWatch({ plural }) {
      if (forbidden || (blind && plural === 'configmaps')) {
        refused += 1;
        throw new KubeError('KUBE_FORBIDDEN', 'forbidden');
      }
      if (lapsed && plural === 'configmaps') {
        lapsed = false;
        throw new KubeError('KUBE_GONE', 'what happened since is not known any more');
      }
      const stream = Object.assign(new PassThrough(), { headers: {} });
      streams.set(plural, stream);
      return stream as unknown as IncomingMessage;
    },
    async get<T extends AnyObject>(_resource: unknown, name: string, { namespace = '' } = {}) {
      await asked(`get ${namespace}`);
      const found = maps.get(`${namespace}/${name}`);
      if (found === undefined) throw new KubeError('KUBE_NOT_FOUND', 'there is none');
      return structuredClone(found) as unknown as T;
    },
    async request<T>({ method, body, path }: KubeRequest): Promise<KubeResponse<T>> {
      const namespace = /namespaces\/([^/]+)/.exec(path)?.[1] ?? '';
      const sent = JSON.parse(Buffer.concat(body as Buffer[]).toString()) as ConfigMap;
      const made = await (method === 'PATCH'
        ? patched(`${namespace}/${path.slice(path.lastIndexOf('/') + 1)}`, sent)
        : created(namespace, sent));
      return { body: structuredClone(made) as unknown as T, status: 200, serverTime: undefined };
    },
  };

  async function created(namespace: string, sent: ConfigMap): Promise<ConfigMap> {
    await asked(`create ${namespace}`);
    if (maps.has(`${namespace}/${sent.metadata.name}`)) {
      throw new KubeError('KUBE_ALREADY_EXISTS', 'there is one');
    }
    const make = () => put(namespace, sent, 'ADDED');
    if (!losing.delete(namespace)) return make();
    late.set(namespace, make);
    throw new KubeError('KUBE_OUTCOME_UNKNOWN', 'no answer came');
  }

  async function patched(key: string, change: ConfigMap): Promise<ConfigMap> {
    const [namespace = '', name = ''] = key.split('/');
    await asked(`patch ${namespace}`);
    const found = maps.get(key);
    if (found?.metadata.resourceVersion !== change.metadata.resourceVersion) {
      throw new KubeError('KUBE_CONFLICT', 'it changed');
    }
    const annotations = { ...found?.metadata.annotations, ...change.metadata.annotations };
    const metadata = { ...found?.metadata, name, annotations };
    return put(namespace, { metadata, data: { ...found?.data, ...change.data } }, 'MODIFIED');
  }

  return {
    client,
    maps,
    requests,
    forbid() {
      forbidden = true;
      for (const stream of streams.values()) stream.end();
      return () => void (forbidden = false);
    },
    refused: () => refused,
    blind() {
      [blind, lapsed] = [true, true];
      streams.get('configmaps')?.end();
      streams.delete('configmaps');
      return () => void (blind = false);
    },
    hold(what) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(what, promise);
      return resolve;
    },
    fail(what, code, times = Infinity) {
      failures.set(what, { code, times });
      return () => failures.delete(what);
    },
    lose(namespace) {
      losing.add(namespace);
      return () => late.get(namespace)?.();
    },
    write(namespace, text) {
      for (const one of [...maps.values()].filter(({ metadata }) => metadata.namespace === namespace)) {
        put(namespace, { ...one, data: { 'ca.crt': text } }, 'MODIFIED');
      }
    },
    touch: (namespace, labels) => emit('namespaces', 'MODIFIED', space(namespace, labels)),
    remove: (namespace) => emit('namespaces', 'DELETED', space(namespace)),
    holding: (text) => [...maps.values()].filter(({ data }) => data?.['ca.crt'] === text).length,
  };
}

/** A TrustBundle with a ConfigMap of that name in every namespace. */
export function placedEntry(owner: string, ...names: readonly Place['name'][]): TrustBundleEntry {
  return trustBundleEntry({
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'TrustBundle',
    metadata: { name: owner, uid: owner, generation: 1 },
    spec: {
      trustDomain: owner,
      sources: [{ authority: { name: 'mesh' } }],
      targets: names.map((name) => ({ configMap: { name, namespaceSelector: {} } })),
    },
  });
}

/** A new root and nothing else. */
export async function bundleOf(trustDomain: string): Promise<Bundle> {
  return makeBundle(trustDomain, [parseAnchor(await makeRoot(), 'root')]);
}

/** An order as a TrustBundle makes it. */
export function ordersOf({ object, targets }: TrustBundleEntry, bundle: Bundle, partial = false): Order[] {
  const orders = createOrders();
  return targets.flatMap((target) =>
    target.kind === 'configMap'
      ? [
          orders.of(
            target,
            object.metadata.name,
            { bundle, error: undefined, partial },
            { prunes: false, held: true },
          ),
        ]
      : [],
  );
}
