import type { Logger } from 'pino';
import { type ReadOnce, readOnce } from '#bundles/controller/read-once.ts';
import { secretContents } from '#bundles/controller/secret-contents.ts';
import { type Gate, readSelected } from '#bundles/controller/selection.ts';
import { isSelected, type ObjectSelection, type SourceObject } from '#bundles/source/object.ts';
import { MangroveError } from '#errors/error.ts';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import type { AnyObject, PartialObjectMetadata } from '#kube/object.ts';
import { type Reflector, type ReflectorObserver, startReflector } from '#kube/reflector.ts';
import { configMaps, type Resource, secrets } from '#kube/resource.ts';

export interface SourceObjectsOptions {
  readonly client: KubeClient;
  /** The only one that is read. */
  readonly namespace: string;
  readonly log: Logger;
  readonly observer: (plural: string) => ReflectorObserver;
  /** An object appeared, changed or went away. */
  readonly onChange: (kind: SourceObjectKind) => void;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A watch that was silent for longer is not believed; ms. */
  readonly staleMs: number;
  /** What no source selected for so long is not kept; ms. */
  readonly idleMs: number;
  readonly gate: Gate;
}

export type SourceObjectKind = 'configMap' | 'secret';

/** What of a selection does not depend on who asks. */
export type SourceQuery = Pick<ObjectSelection, 'name' | 'selector'>;

/** The ConfigMaps and Secrets that sources may name: those of one namespace. */
export interface SourceObjects {
  /** @throws MangroveError BUNDLE_SOURCE_PENDING, BUNDLE_SOURCE_UNREADABLE, BUNDLE_SOURCE_TOO_LARGE */
  find(kind: SourceObjectKind, query: SourceQuery): Promise<SourceObject[]>;
  /** Keeps no content of any: nobody here publishes for now. */
  forget(): void;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

interface RawConfigMap extends AnyObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** One kind of object: the metadata of all, and the content of what is selected. */
interface Watched {
  readonly kind: string;
  readonly cache: Cache<PartialObjectMetadata>;
  readonly reflector: Reflector;
  readonly contents: ReadOnce<PartialObjectMetadata, SourceObject>;
}

/** Both are watched by their metadata; what one holds is read when a source selects it. */
export function startSourceObjects(options: SourceObjectsOptions): SourceObjects {
  const { client, namespace, log, signal, clock, observer, gate, idleMs } = options;
  const began = clock.monotonic();
  const reading = { client, namespace, gate, clock, idleMs };
  const kinds: Readonly<Record<SourceObjectKind, Watched>> = {
    configMap: watched('configMap', configMaps, configMapContents(reading)),
    secret: watched('secret', secrets, secretContents(reading)),
  };

  function watched(kind: SourceObjectKind, resource: Resource, contents: Watched['contents']): Watched {
    const cache = new Cache<PartialObjectMetadata>();
    const reflector = startReflector<PartialObjectMetadata>({
      client,
      resource,
      namespace,
      metadataOnly: true,
      cache,
      transform: (raw) => raw,
      log,
      signal,
      clock,
      observer: observer(resource.plural),
    });
    const changed = () => options.onChange(kind);
    cache.onChange((_previous, current, key) => {
      if (current === undefined) contents.forget(key.slice(key.indexOf('/') + 1));
      changed();
    });
    // The first complete list is news too: nothing in it means that what is named is not there.
    reflector.synced.then(changed, () => undefined);
    return { kind: resource.kind, cache, reflector, contents };
  }

  /** @throws MangroveError unless what the watch brought can be believed */
  function requireFresh({ reflector, kind }: Watched): void {
    const silentMs = clock.monotonic() - (reflector.lastContact() ?? began);
    if (silentMs > options.staleMs) {
      throw new MangroveError(
        'BUNDLE_SOURCE_UNREADABLE',
        `the ${kind}s of namespace ${namespace} cannot be watched (${reflector.state()})`,
      );
    }
    if (reflector.hasSynced()) return;
    throw new MangroveError(
      'BUNDLE_SOURCE_PENDING',
      `the ${kind}s of namespace ${namespace} are not read yet`,
    );
  }

  return {
    async find(kind, query) {
      const objects = kinds[kind];
      requireFresh(objects);
      const selection = { ...query, kind, namespace, keys: [] };
      const meant = objects.cache
        .list()
        .filter(({ metadata: { name, labels = {} } }) => isSelected(selection, { name, labels }));
      const read = (object: PartialObjectMetadata) => objects.contents.read(object);
      return readSelected(meant, { kind: `${objects.kind}s`, read, sizeOf });
    },
    forget() {
      for (const { contents } of Object.values(kinds)) contents.forget();
    },
    done: Promise.all(Object.values(kinds).map(({ reflector }) => reflector.done)).then(() => undefined),
  };
}

function configMapContents({
  client,
  namespace,
  ...reading
}: Pick<SourceObjectsOptions, 'client' | 'namespace' | 'gate' | 'clock' | 'idleMs'>): Watched['contents'] {
  return readOnce({
    ...reading,
    kind: 'ConfigMap',
    fetch: async ({ metadata: { name } }: PartialObjectMetadata) =>
      sourceObject(await client.get<RawConfigMap>(configMaps, name, { namespace })),
  });
}

function sourceObject({
  metadata: { name, labels = {} },
  data = {},
  binaryData = {},
}: RawConfigMap): SourceObject {
  const binary = Object.entries(binaryData).map(
    ([key, base64]) => [key, Buffer.from(base64, 'base64')] as const,
  );
  return { name, labels, data: new Map<string, string | Buffer>([...Object.entries(data), ...binary]) };
}

function sizeOf({ data }: SourceObject): number {
  return data.values().reduce((sum, { length }) => sum + length, 0);
}
