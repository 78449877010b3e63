import type { TrustBundleEntry } from '#bundles/controller/entry.ts';
import { missingFrom, type ShownRoots, shownRoots } from '#bundles/controller/recall.ts';
import type { ServedApi } from '#bundles/controller/served-api.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import type { NamedTarget } from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';

export interface RecollectionOptions {
  readonly api: Pick<ServedApi, 'cache' | 'resource' | 'isAbsent'>;
  /** PEM of those of these roots that other targets than ClusterTrustBundles hold. */
  readonly elsewhere: (
    targets: readonly NamedTarget[],
    fingerprints: readonly string[],
    signal: AbortSignal,
  ) => Promise<string>;
  /** Wall clock, ms. */
  readonly now: () => number;
}

/** The roots that the targets of one TrustBundle hold: the status knows published ones by their fingerprints only. */
export interface Recollection {
  /**
   * Before each reconcile. Returns why it cannot be known yet what was published before the start; undefined when it can.
   * Throws KubeError.
   */
  refresh(entry: TrustBundleEntry, signal: AbortSignal): Promise<unknown>;
  /** As of the last refresh; made when first asked for. */
  shown(): ShownRoots;
  /** Somebody may put back by hand what nothing held: other targets are looked at again. */
  lookAgain(): void;
}

export function createRecollection({ api, elsewhere, now }: RecollectionOptions): Recollection {
  /** PEM of what no watch shows; undefined until it was looked for. */
  let found: string | undefined;
  /** Whether it was known once what the targets hold: a look before would forget what the sources lost meanwhile. */
  let complete = false;
  let shown: () => ShownRoots = () => new Map();

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

  function unlisted(): unknown {
    try {
      api.resource();
    } catch (error) {
      return error;
    }
    const message = 'the ClusterTrustBundles were not listed since the start, so targets stay as they are';
    return new MangroveError('BUNDLE_TARGET_UNAVAILABLE', message);
  }

  return {
    async refresh(entry, signal) {
      shown = once(() => shownRoots([...watched(entry), found ?? '']));
      if (complete && found !== undefined) return undefined;
      const missing = missingFrom(entry.object.status, shown(), now());
      const isListed = api.cache() !== undefined || api.isAbsent();
      // Where nothing is missing, no target has to be read for it.
      if (missing.length === 0 || isListed) {
        found ??= missing.length === 0 ? '' : await elsewhere(entry.targets, missing, signal);
        complete = true;
        shown = once(() => shownRoots([...watched(entry), found ?? '']));
      }
      return complete ? undefined : unlisted();
    },
    shown: () => shown(),
    lookAgain() {
      found = undefined;
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
