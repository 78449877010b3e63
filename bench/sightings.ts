import { pino } from 'pino';
import type { KubeClient } from '#kube/client.ts';
import { follow } from '#kube/follow.ts';
import type { AnyObject } from '#kube/object.ts';
import type { Resource } from '#kube/resource.ts';

/** A watch of objects under test by their metadata alone: nothing tells sooner where they stand, and costs the server less. */
export interface Sightings {
  /**
   * Waits for so many changes that the function has a name for, and tells when each name was seen first: ms of performance.now().
   * Names what is changed from now on, not what stands there already.
   */
  collect(
    count: number,
    nameOf: (object: AnyObject) => string | undefined,
  ): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

/** So long nothing that is measured may take. */
export const patienceMs = 300_000;

export async function watchMetadata(
  client: KubeClient,
  resource: Resource,
  labelSelector?: string,
): Promise<Sightings> {
  const stop = new AbortController();
  const { cache, reflector } = follow<AnyObject>({
    client,
    resource,
    labelSelector,
    metadataOnly: true,
    transform: (object) => object,
    log: pino({ level: 'silent' }),
    signal: stop.signal,
  });
  await reflector.synced;
  return {
    async collect(count, nameOf) {
      const seen = new Map<string, number>();
      const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, number>>();
      const timer = setTimeout(() => {
        reject(new Error(`${seen.size} of ${count} ${resource.plural} came in ${patienceMs / 1000} s`));
      }, patienceMs);
      const forget = cache.onChange((_previous, current) => {
        const name = current === undefined ? undefined : nameOf(current);
        if (name === undefined || seen.has(name)) return;
        seen.set(name, performance.now());
        if (seen.size === count) resolve(seen);
      });
      try {
        return await promise;
      } finally {
        forget();
        clearTimeout(timer);
      }
    },
    async close() {
      stop.abort();
      await reflector.done;
    },
  };
}
