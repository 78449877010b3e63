import type { IncomingMessage } from 'node:http';
import { errorMessage } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError, watchError } from '#kube/error.ts';
import { lineSplitter } from '#kube/line-splitter.ts';
import type { AnyObject } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import type { Resource } from '#kube/resource.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: AnyObject;
}

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

/** An object is at most 3 MiB in etcd's eyes (1.5 MiB by default) and grows in JSON. */
const maxLineBytes = 16 * 1024 * 1024;

/**
 * Follows one watch until the server ends it (resolves), or it fails: KubeError (KUBE_GONE when the version is too old, KUBE_TIMEOUT when
 * it fell silent, KUBE_UNAVAILABLE when it was cut), or the reason of the signal.
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

async function follow(
  response: IncomingMessage,
  resource: Resource,
  options: WatchOptions,
  alive: () => void,
): Promise<void> {
  const lines = lineSplitter(maxLineBytes);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    alive();
    options.onContact();
    lines.push(chunk, (line) => {
      if (!options.signal.aborted) options.onEvent(parseEvent(resource, line));
    });
  }
}

function parseEvent(resource: Resource, line: string): WatchEvent {
  const what = `watch of ${resource.plural}`;
  const event = parseLine(what, line);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (!isObject(event.object))
        throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: an event has no object`);
      return { type: event.type, object: event.object };
    case 'ERROR':
      throw watchError(what, event.object);
    default:
      throw new KubeError(
        'KUBE_RESPONSE_INVALID',
        `${what}: unknown event type "${String(event.type).slice(0, 40)}"`,
      );
  }
}

function parseLine(what: string, line: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Falls through: the parser's message would quote the line.
  }
  throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: a line of ${line.length} characters is no event`);
}

/** A bookmark has a resourceVersion only, so no name is asked for. */
function isObject(value: unknown): value is AnyObject {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false;
  return typeof value.metadata === 'object' && value.metadata !== null;
}
