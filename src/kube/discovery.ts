import { errorCode } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import { groupVersionPath } from '#kube/resource.ts';

/** `unknown` is never `absent`: whoever takes an outage for a missing API deletes, or falls back, for nothing. */
export type Discovery =
  | { readonly state: 'served'; readonly version: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly cause: unknown };

/**
 * Which of `versions`, best first, serves the resource right now. Never cached: an API may be switched on or off while we
 * run. Throws only the reason of the signal.
 */
export async function discover(
  client: KubeClient,
  group: string,
  plural: string,
  versions: readonly string[],
  signal?: AbortSignal,
): Promise<Discovery> {
  try {
    for (const version of versions) {
      if (await serves(client, group, version, plural, signal)) return { state: 'served', version };
    }
    await requireApiServer(client, signal);
    return { state: 'absent' };
  } catch (error) {
    signal?.throwIfAborted();
    return { state: 'unknown', cause: error };
  }
}

async function serves(
  client: KubeClient,
  group: string,
  version: string,
  plural: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const path = groupVersionPath(group, version);
    const { body } = await client.request<ResourceList>({ method: 'GET', path, signal });
    if (body.kind !== 'APIResourceList' || !Array.isArray(body.resources)) throw notAnApiServer(path);
    return body.resources.some(({ name }) => name === plural);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The API server's 404 for a group that it does not serve is a page like anybody's: see that it is one that answers. */
async function requireApiServer(client: KubeClient, signal: AbortSignal | undefined): Promise<void> {
  const { body } = await client.request<{ kind?: string }>({ method: 'GET', path: '/apis', signal });
  if (body.kind !== 'APIGroupList') throw notAnApiServer('/apis');
}

function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'KUBE_PATH_NOT_FOUND' || code === 'KUBE_NOT_FOUND';
}

function notAnApiServer(path: string): KubeError {
  return new KubeError('KUBE_RESPONSE_INVALID', `GET ${path}: the answer is not that of an API server`);
}

interface ResourceList {
  readonly kind?: string;
  readonly resources?: readonly { readonly name: string }[];
}
