import type { Logger } from 'pino';
import { createSecretContents, type SecretContents } from '#bundles/controller/secret-contents.ts';
import { isSelected, type ObjectSelection, type SourceObject } from '#bundles/source/object.ts';
import { MangroveError } from '#errors/error.ts';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import type { Followed } from '#kube/follow.ts';
import type { AnyObject, PartialObjectMetadata } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import { type ReflectorObserver, startReflector } from '#kube/reflector.ts';
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
}

export type SourceObjectKind = 'configMap' | 'secret';

/** What of a selection does not depend on who asks. */
export type SourceQuery = Pick<ObjectSelection, 'name' | 'selector'>;

/** The ConfigMaps and Secrets that sources may name: those of one namespace. */
export interface SourceObjects {
  /** @throws MangroveError BUNDLE_SOURCE_PENDING, BUNDLE_SOURCE_UNREADABLE */
  find(kind: SourceObjectKind, query: SourceQuery): Promise<SourceObject[]>;
  /** When the signal has aborted and nothing runs any more. */
  readonly done: Promise<void>;
}

interface RawConfigMap extends AnyObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** ConfigMaps are watched whole; Secrets by their metadata, and what may be a root is read when it is asked for. */
export function startSourceObjects(options: SourceObjectsOptions): SourceObjects {
  const { client, namespace, log, signal, clock, observer } = options;
  const began = clock.monotonic();
  const maps = watched<SourceObject>(configMaps, sourceObject, {});
  const metadata = watched<PartialObjectMetadata>(secrets, (raw) => raw, {
    metadataOnly: true,
  });
  const contents: SecretContents = createSecretContents({ client, namespace, observed: metadata.cache });
  tell(maps, 'configMap');
  tell(metadata, 'secret');

  /** The first complete list is news too: nothing in it means that what is named is not there. */
  function tell<T>({ cache, reflector }: Followed<T>, kind: SourceObjectKind): void {
    const changed = () => options.onChange(kind);
    cache.onChange(changed);
    reflector.synced.then(changed, () => undefined);
  }

  function watched<T>(
    resource: Resource,
    transform: (raw: AnyObject) => T,
    selection: Pick<ListOptions, 'metadataOnly'>,
  ): Followed<T> {
    const cache = new Cache<T>();
    const common = {
      ...selection,
      client,
      namespace,
      log,
      signal,
      clock,
      observer: observer(resource.plural),
    };
    return { cache, reflector: startReflector<T>({ ...common, resource, cache, transform }) };
  }

  /** @throws MangroveError unless what the watch brought can be believed */
  function requireFresh({ reflector }: Pick<Followed<unknown>, 'reflector'>, kind: string): void {
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
      const meant = (object: Pick<SourceObject, 'name' | 'labels'>): boolean =>
        isSelected({ ...query, kind, namespace, keys: [] }, object);
      if (kind === 'configMap') {
        requireFresh(maps, 'ConfigMap');
        return maps.cache.list().filter(meant);
      }
      requireFresh(metadata, 'Secret');
      const named = metadata.cache
        .list()
        .filter(({ metadata: { name, labels = {} } }) => meant({ name, labels }));
      return Promise.all(named.map((secret) => contents.read(secret)));
    },
    done: Promise.all([maps.reflector.done, metadata.reflector.done]).then(() => undefined),
  };
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
