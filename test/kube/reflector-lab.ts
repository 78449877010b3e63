import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import {
  type Reflector,
  type ReflectorState,
  type ReflectorTiming,
  startReflector,
} from '#kube/reflector.ts';
import type { Resource } from '#kube/resource.ts';
import { type Fault, faultProxy } from './fault-proxy.ts';
import { adminClient, clientOf, configMap, configMapsResource, ownNamespace, recordingLog } from './lab.ts';

const maps = configMapsResource;
const fast: Partial<ReflectorTiming> = { backoff: { baseMs: 5, maxMs: 50 }, goneMs: 50 };

export interface Started {
  readonly reflector: Reflector;
  readonly cache: Cache<string, 'text'>;
  readonly changes: string[];
  readonly states: ReflectorState[];
  readonly failures: string[];
  readonly rejected: string[];
  readonly lists: number[];
  readonly lines: Record<string, unknown>[];
  readonly stop: AbortController;
}

/** `data.text` of a ConfigMap; `poison` cannot be decoded and `private` is kept out. */
function decode({ data }: ConfigMap): string | undefined {
  if (data?.['text']?.startsWith('poison') === true) throw new Error('poison');
  return data?.['text'] === 'private' ? undefined : (data?.['text'] ?? '');
}

export function start(
  client: KubeClient,
  namespace: string | undefined,
  options: { timing?: Partial<ReflectorTiming>; limit?: number; resource?: Resource } = {},
): Started {
  const cache = new Cache<string, 'text'>({ text: (text) => [text] });
  const changes: string[] = [];
  const states: ReflectorState[] = [];
  const failures: string[] = [];
  const rejected: string[] = [];
  const lists: number[] = [];
  const { log, lines } = recordingLog();
  const stop = new AbortController();
  cache.onChange((previous, current, key) => {
    changes.push(`${key.split('/').at(-1)}: ${previous ?? '-'} → ${current ?? '-'}`);
  });
  const reflector = startReflector<string, 'text', ConfigMap>({
    client,
    resource: options.resource ?? maps,
    namespace,
    limit: options.limit ?? 500,
    cache,
    transform: decode,
    log,
    signal: stop.signal,
    timing: { ...fast, ...options.timing },
    observer: {
      state: (state) => states.push(state),
      failed: (code) => failures.push(code),
      rejected: (key) => rejected.push(key),
      listed: (objects) => lists.push(objects),
    },
  });
  return { reflector, cache, changes, states, failures, rejected, lists, lines, stop };
}

export const isWatch = (url: string | undefined): boolean => url?.includes('watch=true') === true;

/** A namespace behind a fault proxy, hands to change it with, and a reflector of its ConfigMaps. */
export async function setUp(fault?: Fault, limit?: number, timing?: Partial<ReflectorTiming>) {
  const admin = await adminClient();
  const namespace = await ownNamespace(admin);
  const proxy = await faultProxy();
  const client = clientOf({ credentials: proxy.credentials });
  const put = (name: string, text: string) =>
    admin.create<ConfigMap>(maps, configMap(namespace, name, { text }));
  const change = async (name: string, text: string) => {
    const current = await admin.get<ConfigMap>(maps, name, { namespace });
    await admin.update(maps, { ...current, data: { text } });
  };
  const run = () => {
    proxy.setFault(fault);
    return start(client, namespace, { ...(limit && { limit }), ...(timing && { timing }) });
  };
  return { admin, namespace, proxy, put, change, run };
}
