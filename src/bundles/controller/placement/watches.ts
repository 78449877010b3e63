import type { Logger } from 'pino';
import type { PlacementKind } from '#bundles/target/named-target.ts';
import { OWNER_LABEL } from '#bundles/target/placed-object.ts';
import type { Observed } from '#bundles/target/placement.ts';
import { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import { type Followed, follow } from '#kube/follow.ts';
import type { AnyObject } from '#kube/object.ts';
import type { ReflectorObserver } from '#kube/reflector.ts';
import { configMaps, namespaces, type Resource } from '#kube/resource.ts';

/** A namespace, as far as it may be a target. */
export interface SeenNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A ConfigMap of ours, without its content: that would cost as much as all of the writes. */
export interface SeenObject {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** Value of the label by which it belongs to a TrustBundle. */
  readonly owner: string;
}

/** What grants the rights to targets of a kind. */
const components: Readonly<Record<PlacementKind, string>> = {
  configMap: 'configmap-targets',
  secret: 'secret-targets',
};

export interface WatchesOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly observer: (plural: string) => ReflectorObserver;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A watch that was silent for longer is not believed; ms. */
  readonly staleMs: number;
  /** Namespaces that nothing is ever placed in. */
  readonly reserved: readonly string[];
  readonly onNamespace: (name: string) => void;
  readonly onObject: (seen: SeenObject) => void;
  /** A first list is complete, or a watch fails, or stands again. */
  readonly onChange: () => void;
}

/**
 * Namespaces and our ConfigMaps in all of them, watched from the first target on that needs them: who has none needs no right to.
 * Secrets are never watched: the right to watch some is the right to read them all.
 */
export interface PlacementWatches {
  start(kind: PlacementKind): void;
  /** Those that are not going away. */
  namespaces(): readonly SeenNamespace[];
  namespace(name: string): SeenNamespace | undefined;
  /** Nothing for as long as the watch cannot be believed: what it showed last would be taken for what is. */
  observed(kind: PlacementKind, namespace: string, name: string): Observed;
  /** ConfigMaps that say of themselves that they belong to that TrustBundle. */
  ownedBy(label: string): readonly SeenObject[];
  /** Why targets of this kind cannot be placed; undefined once all has been listed, for what was seen then can be worked on. */
  hindrance(kind: PlacementKind): MangroveError | undefined;
  /** For what is to go: the same, and why what was made since would not be shown. A watch that stands again takes it back. */
  doubt(kind: PlacementKind): MangroveError | undefined;
  /** For the status: as `hindrance`, and why what was seen cannot be believed any more. */
  trouble(kind: PlacementKind): MangroveError | undefined;
  /** When the signal has aborted and nothing runs any more. */
  done(): Promise<void>;
}

interface Watch<T> extends Followed<T> {
  /** Of its last failure since it stood. */
  readonly failure: () => string | undefined;
}

export function createPlacementWatches(options: WatchesOptions): PlacementWatches {
  const { clock, staleMs } = options;
  let spaces: Watch<SeenNamespace> | undefined;
  let maps: Watch<SeenObject> | undefined;
  const oneText = sharedTexts();

  function watched<T>(
    resource: Resource,
    transform: (raw: AnyObject) => T | undefined,
    labelSelector?: string,
  ): Watch<T> {
    let failure: string | undefined;
    const told = options.observer(`target-${resource.plural}`);
    const observer: ReflectorObserver = {
      ...told,
      failed(code) {
        const news = failure !== code;
        failure = code;
        told.failed?.(code);
        if (news) options.onChange();
      },
      state(state) {
        const again = state === 'watching' && failure !== undefined;
        if (state === 'watching') failure = undefined;
        told.state?.(state);
        if (again) options.onChange();
      },
    };
    const { client, log, signal } = options;
    const common = { client, log, signal, clock, observer, resource, transform, metadataOnly: true };
    const followed = follow<T>({ ...common, labelSelector });
    followed.reflector.synced.then(options.onChange, () => undefined);
    return { ...followed, failure: () => failure };
  }

  function startNamespaces(): Watch<SeenNamespace> {
    const watch = watched<SeenNamespace>(namespaces, (raw) =>
      options.reserved.includes(raw.metadata.name) ? undefined : seenNamespace(raw),
    );
    watch.cache.onChange((_previous, _current, name) => options.onNamespace(name));
    return watch;
  }

  function startMaps(): Watch<SeenObject> {
    const watch = watched<SeenObject>(configMaps, (raw) => shared(seenObject(raw)), OWNER_LABEL);
    watch.cache.onChange((previous, current) => {
      const seen = current ?? previous;
      if (seen !== undefined) options.onObject(seen);
    });
    return watch;
  }

  /** A thousand namespaces hold the same ten names: of texts, what is parsed is new each time. */
  function shared(seen: SeenObject): SeenObject {
    const namespace = spaces?.cache.get(undefined, seen.namespace)?.name ?? seen.namespace;
    return { ...seen, namespace, name: oneText(seen.name), owner: oneText(seen.owner) };
  }

  type Asked = Pick<Watch<never>, 'reflector' | 'failure'> | undefined;

  function requirement(watch: Asked, what: string, kind: PlacementKind): MangroveError | undefined {
    if (watch?.reflector.hasSynced() === true) return undefined;
    const failure = watch?.failure();
    if (failure !== undefined) return unwatchable(failure, what, kind);
    return new MangroveError('BUNDLE_TARGET_PENDING', `${what} are not listed yet`);
  }

  /** A watch that fails for a moment is everyday life; one that fails for long shows what may be gone since. */
  function belief(watch: Asked, what: string, kind: PlacementKind): MangroveError | undefined {
    return isRecent(watch?.reflector.lastContact()) ? undefined : interruption(watch, what, kind);
  }

  /** Since it failed last it did not stand again. */
  function interruption(watch: Asked, what: string, kind: PlacementKind): MangroveError | undefined {
    const failure = watch?.failure();
    return failure === undefined ? undefined : unwatchable(failure, what, kind);
  }

  function isRecent(contact: number | undefined): boolean {
    return contact !== undefined && clock.monotonic() - contact <= staleMs;
  }

  function firstOf(question: typeof requirement, kind: PlacementKind): MangroveError | undefined {
    return (
      question(spaces, 'namespaces', kind) ??
      (kind === 'configMap' ? question(maps, 'the ConfigMaps of all namespaces', kind) : undefined)
    );
  }

  return {
    start(kind) {
      spaces ??= startNamespaces();
      if (kind === 'configMap') maps ??= startMaps();
    },
    namespaces: () => spaces?.cache.list() ?? [],
    namespace: (name) => spaces?.cache.get(undefined, name),
    observed(kind, namespace, name) {
      if (kind === 'secret' || !isRecent(maps?.reflector.lastContact())) return 'unwatched';
      return maps?.cache.get(namespace, name) ?? 'absent';
    },
    ownedBy: (label) => maps?.cache.list().filter(({ owner }) => owner === label) ?? [],
    hindrance: (kind) => firstOf(requirement, kind),
    doubt: (kind) => firstOf(requirement, kind) ?? firstOf(interruption, kind),
    trouble: (kind) => firstOf(requirement, kind) ?? firstOf(belief, kind),
    async done() {
      await Promise.all([spaces?.reflector.done, maps?.reflector.done]);
    },
  };
}

function unwatchable(failure: string, what: string, kind: PlacementKind): MangroveError {
  const message = `${what} cannot be watched (${failure})`;
  if (failure !== 'KUBE_FORBIDDEN') return new MangroveError('BUNDLE_TARGET_UNAVAILABLE', message);
  return new MangroveError(
    'BUNDLE_TARGET_FORBIDDEN',
    `${message}: manifests/components/${components[kind]} is not applied`,
  );
}

/** One that is going takes nothing new, and holds up nobody. */
function seenNamespace({ metadata }: AnyObject): SeenNamespace | undefined {
  const { name, labels = {}, deletionTimestamp } = metadata;
  return deletionTimestamp === undefined ? { name, labels } : undefined;
}

function seenObject({ metadata }: AnyObject): SeenObject {
  const { name, namespace = '', resourceVersion: version = '', labels = {} } = metadata;
  return { namespace, name, version, owner: labels[OWNER_LABEL] ?? '' };
}

/** More are not shared: who makes ever new names fills nothing. */
const mostShared = 1_024;

/** The first of all texts that are equal. */
function sharedTexts(): (text: string) => string {
  const texts = new Map<string, string>();
  return (text) => {
    const known = texts.get(text);
    if (known === undefined && texts.size < mostShared) texts.set(text, text);
    return known ?? text;
  };
}
