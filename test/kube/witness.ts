import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { pause } from '#kube/clock.ts';
import type { ConfigMap } from '#kube/object.ts';
import type { ReflectorState, ReflectorTiming } from '#kube/reflector.ts';
import type { Resource } from '#kube/resource.ts';
import { configMap, configMapsResource, until } from './lab.ts';
import { type RecordedReflector, startRecorded } from './recorded-reflector.ts';

/** Tells what a reflector holds from what is true, which it reads itself, by a way that is not disturbed. */
export interface Witness extends RecordedReflector {
  state(): ReflectorState | undefined;
  /** Resolves once the cache, and what its listeners were told change by change, is what the server holds. */
  agreement(): Promise<void>;
}

export interface WitnessOptions {
  /** The way that is disturbed. */
  readonly client: KubeClient;
  /** The way that is not. */
  readonly direct: () => KubeClient;
  readonly namespace?: string;
  readonly resource?: Resource;
  readonly limit?: number;
  readonly timing?: Partial<ReflectorTiming>;
}

const fast: Partial<ReflectorTiming> = {
  backoff: { baseMs: 20, maxMs: 500 },
  goneMs: 100,
  livenessMs: 3_000,
};

const textOf = ({ data, metadata }: ConfigMap): string => `${metadata.uid} ${data?.['text'] ?? ''}`;

export function startWitness(options: WitnessOptions): Witness {
  const { client, direct, namespace, resource = configMapsResource, limit = 500 } = options;
  const cache = new Cache<string>();
  const told = new Map<string, string>();
  const gaps: string[] = [];
  cache.onChange((previous, current, key) => {
    // Each change begins where the last one ended, or one was not told.
    if (told.get(key) !== previous) gaps.push(key);
    if (current === undefined) told.delete(key);
    else told.set(key, current);
  });
  const recorded = startRecorded({
    client,
    resource,
    namespace,
    limit,
    cache,
    transform: textOf,
    timing: { ...fast, ...options.timing },
  });

  async function truth(): Promise<Map<string, string>> {
    const { items } = await direct().list<ConfigMap>(resource, { namespace });
    return new Map(
      items.map((object) => {
        const { namespace: at, name } = object.metadata;
        return [at === undefined ? name : `${at}/${name}`, textOf(object)];
      }),
    );
  }

  return {
    ...recorded,
    state: () => recorded.states.at(-1),
    async agreement() {
      await until(async () => isDeepStrictEqual(told, await truth().catch(() => undefined)));
      expect(cache.size).toBe(told.size);
      expect(gaps).toEqual([]);
    },
  };
}

/** Creates, changes and deletes ConfigMaps until stopped: after it, many were made, some changed, some are gone. */
export function startWriter(client: KubeClient, namespace: string) {
  const stop = new AbortController();
  let written = 0;

  async function one(n: number): Promise<void> {
    await client.create(configMapsResource, configMap(namespace, `w-${n}`, { text: 'new' }));
    if (n % 2 === 0) {
      const current = await client.get<ConfigMap>(configMapsResource, `w-${n}`, { namespace });
      await client.update(configMapsResource, { ...current, data: { text: 'changed' } });
    }
    if (n % 3 === 0) await client.delete(configMapsResource, `w-${n}`, { namespace });
    written++;
  }

  async function run(): Promise<void> {
    for (let n = 0; !stop.signal.aborted; n++) {
      // Through a server that is away the writer just goes on with the next one.
      await one(n).catch(() => undefined);
      await pause(5, stop.signal);
    }
  }

  const done = run();
  return {
    written: () => written,
    /** Goes on until `more` were written since. */
    async wrote(more: number): Promise<void> {
      const from = written;
      await until(() => written >= from + more);
    },
    async stop(): Promise<void> {
      stop.abort();
      await done;
    },
  };
}
