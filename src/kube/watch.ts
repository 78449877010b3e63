import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorMessage } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import type { ListOptions } from '#kube/page.ts';
import type { Resource } from '#kube/resource.ts';
import { type WatchEvent, watchEvents } from '#kube/watch-event.ts';

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** After which the server ends the stream in good order. */
  readonly timeoutSeconds: number;
  /** Without a byte for this long the stream is dead: a half-open connection says nothing, ever. */
  readonly livenessMs: number;
  readonly signal: AbortSignal;
  /** Called for each chunk of bytes. */
  readonly onContact: () => void;
  /** Called synchronously, in order; must not throw. */
  readonly onEvent: (event: WatchEvent) => void;
}

/**
 * Follows one watch until the server ends it (resolves), or it fails: KubeError (KUBE_GONE when the version is too old, KUBE_TIMEOUT when
 * it fell silent, KUBE_UNAVAILABLE when it was cut, KUBE_RESPONSE_INVALID when what came is no event), or the reason of the signal.
 */
export async function watch(client: KubeClient, resource: Resource, options: WatchOptions): Promise<void> {
  const { signal, livenessMs } = options;
  const response = await client.openWatch(resource, options, {
    resourceVersion: options.resourceVersion,
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(options.timeoutSeconds),
  });
  options.onContact();
  let ended: unknown;
  const end = (reason: unknown): void => {
    ended ??= reason;
    response.destroy();
  };
  const abort = (): void => end(signal.reason);
  const liveness = setTimeout(() => {
    end(new KubeError('KUBE_TIMEOUT', `watch of ${resource.plural}: not a byte for ${livenessMs} ms`));
  }, livenessMs);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await follow(response, resource, options, () => liveness.refresh());
  } catch (error) {
    if (ended !== undefined) throw ended;
    if (error instanceof KubeError) throw error;
    throw new KubeError('KUBE_UNAVAILABLE', `watch of ${resource.plural}: ${errorMessage(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(liveness);
    signal.removeEventListener('abort', abort);
    response.destroy();
  }
  // A destroyed stream may also just end.
  if (ended !== undefined) throw ended;
}

/**
 * What has come when a server, or we, were held up is megabytes: work that its first events ask for begins before its last is read. With a
 * quarter of this a replica that answers as fast as it can fell behind what it watches, and a new request waited twice as long.
 */
const bytesBetweenYields = 256 * 1024;

async function follow(
  response: IncomingMessage,
  resource: Resource,
  options: WatchOptions,
  alive: () => void,
): Promise<void> {
  const take = watchEvents(`watch of ${resource.plural}`, response.headers['content-type']);
  let left = bytesBetweenYields;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (left <= 0) {
      await nextTurn();
      left = bytesBetweenYields;
    }
    left -= chunk.length;
    alive();
    options.onContact();
    take(chunk, (event) => {
      if (!options.signal.aborted) options.onEvent(event);
    });
  }
}
