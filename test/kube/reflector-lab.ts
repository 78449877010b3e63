import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import type { ReflectorTiming } from '#kube/reflector.ts';
import type { Resource } from '#kube/resource.ts';
import { type Fault, faultProxy } from './fault-proxy.ts';
import { adminClient, clientOf, configMap, configMapsResource, ownNamespace } from './lab.ts';
import { type RecordedReflector, startRecorded } from './recorded-reflector.ts';

const maps = configMapsResource;
const fast: Partial<ReflectorTiming> = { backoff: { baseMs: 5, maxMs: 50 }, goneMs: 50 };

export interface Started extends RecordedReflector {
  readonly cache: Cache<string, 'text'>;
  readonly changes: string[];
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
  cache.onChange((previous, current, key) => {
    changes.push(`${key.split('/').at(-1)}: ${previous ?? '-'} → ${current ?? '-'}`);
  });
  const recorded = startRecorded({
    client,
    namespace,
    limit: options.limit ?? 500,
    cache,
    transform: decode,
    timing: { ...fast, ...options.timing },
    ...(options.resource && { resource: options.resource }),
  });
  return { ...recorded, cache, changes };
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
