import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundleEntry } from '#bundles/controller/entry.ts';
import { missingFrom, type ShownRoots, shownRoots } from '#bundles/controller/recall.ts';
import type { ServedApi } from '#bundles/controller/served-api.ts';
import { isCanary } from '#bundles/target/channels.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { NamedTarget } from '#bundles/target/named-target.ts';
import { type Claimant, isPublishedBy } from '#bundles/target/ownership.ts';
import { MangroveError } from '#errors/error.ts';

export interface RecollectionOptions {
  readonly api: Pick<ServedApi, 'cache' | 'resource' | 'isAbsent'>;
  /** PEM of those of these roots that other targets than ClusterTrustBundles hold. */
  readonly elsewhere: (
    targets: readonly NamedTarget[],
    fingerprints: readonly string[],
    signal: AbortSignal,
  ) => Promise<string>;
  /** PEM of what stands in namespaces of an earlier TrustBundle of the same name and trust domain. */
  readonly fromBefore: (
    targets: readonly NamedTarget[],
    claimant: Pick<Claimant, 'name' | 'trustDomain'>,
    signal: AbortSignal,
  ) => Promise<string>;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** Between two looks at targets that nobody watches, monotonic ms. */
  readonly againMs: number;
  readonly monotonic: () => number;
}

/** The roots that the targets of one TrustBundle hold: the status knows published ones by their fingerprints only. */
export interface Recollection {
  /**
   * Before each reconcile. Returns why it cannot be known yet what was published before the start; undefined when it can.
   * Throws KubeError.
   * @param given what the sources give now: asked for only where the watch of ClusterTrustBundles does not show all
   */
  refresh(
    entry: TrustBundleEntry,
    given: () => Promise<readonly Anchor[]>,
    signal: AbortSignal,
  ): Promise<unknown>;
  /** As of the last refresh; made when first asked for. */
  shown(): ShownRoots;
  /**
   * What live targets held when a TrustBundle was first seen that had published nothing yet: one of the same name that was deleted and has
   * left them behind. Who trusts them knows nothing of the difference.
   */
  inherited(): ShownRoots;
  /** Somebody may put back by hand what nothing held: other targets are looked at again, but not without pause. */
  lookAgain(): void;
}

export function createRecollection(options: RecollectionOptions): Recollection {
  const { api, elsewhere, fromBefore, now, againMs, monotonic } = options;
  /** What no watch of a target shows; undefined until it was looked for. */
  let found: ShownRoots | undefined;
  let lookedAt = 0;
  let shown: () => ShownRoots = () => new Map();
  let inherited: ShownRoots = new Map();

  /** What the TrustBundle publishes, or has published before its targets changed. */
  function watched({ object, targets }: TrustBundleEntry): string[] {
    const published = targets.filter(({ kind }) => kind === 'clusterTrustBundle');
    const names = new Set(published.map(({ name }) => name));
    const own = (api.cache()?.list() ?? []).filter(
      ({ metadata: { name, annotations = {} } }) =>
        names.has(name) || annotations[OWNER_ANNOTATION] === object.metadata.name,
    );
    return own.map(({ spec }) => spec.trustBundle);
  }

  /** Undefined while the ClusterTrustBundles among them are not listed. Throws KubeError. */
  async function inherit(
    { object, spec, targets }: TrustBundleEntry,
    signal: AbortSignal,
  ): Promise<ShownRoots | undefined> {
    if (spec === undefined || object.status?.anchors !== undefined) return new Map();
    const claimant = { name: object.metadata.name, trustDomain: spec.trustDomain };
    const live = targets.filter((target) => !isCanary(target));
    const names = live.filter(({ kind }) => kind === 'clusterTrustBundle').map(({ name }) => name);
    const cache = api.cache();
    if (names.length > 0 && cache === undefined && !api.isAbsent()) return undefined;
    const kept = names
      .map((name) => cache?.get(undefined, name))
      .filter((bundle) => bundle !== undefined && isPublishedBy(claimant, bundle));
    const texts = kept.map((bundle) => bundle?.spec.trustBundle ?? '');
    return shownRoots([...texts, await fromBefore(live, claimant, signal)]);
  }

  function unlisted(): unknown {
    try {
      api.resource();
    } catch (error) {
      return error;
    }
    const message = 'the ClusterTrustBundles were not listed since the start, so targets stay as they are';
    return new MangroveError('BUNDLE_TARGET_UNAVAILABLE', message);
  }

  /** As far as it is missing, from the sources, and what they do not give from targets that nobody watches. */
  async function find(
    entry: TrustBundleEntry,
    given: () => Promise<readonly Anchor[]>,
    signal: AbortSignal,
  ): Promise<ShownRoots | undefined> {
    const { status } = entry.object;
    if (missingFrom(status, shown(), now()).length === 0) return new Map();
    const roots = new Map((await given()).map((anchor) => [anchor.sha256, anchor]));
    const lost = missingFrom(status, new Map([...roots, ...shown()]), now());
    if (lost.length === 0) return roots;
    // Nothing is known yet: a look now would forget what the sources lost while nobody ran.
    if (api.cache() === undefined && !api.isAbsent()) return undefined;
    return new Map([...roots, ...shownRoots([await elsewhere(entry.targets, lost, signal)])]);
  }

  return {
    async refresh(entry, given, signal) {
      const look = (): void => {
        const more = found ?? new Map();
        shown = once(() => new Map([...more, ...shownRoots(watched(entry))]));
      };
      look();
      if (found !== undefined) return undefined;
      const before = await inherit(entry, signal);
      if (before === undefined) return unlisted();
      inherited = before;
      const known = await find(entry, given, signal);
      // Withheld from now on, and by then no place may show their bytes.
      found = known === undefined ? undefined : new Map([...before, ...known]);
      lookedAt = monotonic();
      look();
      return found === undefined ? unlisted() : undefined;
    },
    shown: () => shown(),
    inherited: () => inherited,
    lookAgain() {
      if (monotonic() - lookedAt >= againMs) found = undefined;
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
