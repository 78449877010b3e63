import { parseTrustBundleSpec, type TrustBundle, type TrustBundleSpec } from '#bundles/bundle/resource.ts';
import { type SourceKind, sourceKey } from '#bundles/bundle/source-spec.ts';
import { arbitrate, type Claim, type Verdict } from '#bundles/target/claim.ts';
import { clusterTrustBundleTargets, type NamedTarget } from '#bundles/target/cluster-trust-bundle.ts';
import { Cache } from '#kube/cache.ts';

/** A TrustBundle as the cache holds it: with its spec read once, or the reason why it cannot be. */
export interface TrustBundleEntry {
  readonly object: TrustBundle;
  readonly spec: TrustBundleSpec | undefined;
  /** MangroveError BUNDLE_SPEC_INVALID; undefined when `spec` is there. */
  readonly invalid: unknown;
  readonly targets: readonly NamedTarget[];
  /** Names of the CertificateAuthorities that it reads. */
  readonly authorities: readonly string[];
  /** The kinds of its sources. */
  readonly sourceKinds: readonly SourceKind[];
}

export type TrustBundleCache = Cache<TrustBundleEntry, 'target' | 'authority' | 'sourceKind'>;

export function createTrustBundleCache(): TrustBundleCache {
  return new Cache({
    target: (entry) => entry.targets.map(({ name }) => name),
    authority: (entry) => entry.authorities,
    sourceKind: (entry) => entry.sourceKinds,
  });
}

/** Never throws: an object that cannot be read has to be told so in its status. */
export function trustBundleEntry(object: TrustBundle): TrustBundleEntry {
  try {
    const spec = parseTrustBundleSpec(object.spec);
    return {
      object,
      spec,
      invalid: undefined,
      targets: clusterTrustBundleTargets(spec),
      authorities: spec.sources.flatMap(({ authority }) => (authority === undefined ? [] : [authority.name])),
      sourceKinds: [...new Set(spec.sources.map((source) => sourceKey(source).kind))],
    };
  } catch (invalid) {
    return { object, spec: undefined, invalid, targets: [], authorities: [], sourceKinds: [] };
  }
}

/** Who publishes the target, of all TrustBundles that claim it now. */
export function verdictOn(target: string, bundles: TrustBundleCache): Verdict {
  const claims = bundles.index('target', target).map((entry) => claimOf(entry, target));
  return arbitrate(claims).get(target) ?? { winner: '', losers: [] };
}

function claimOf({ object }: TrustBundleEntry, target: string): Claim {
  return { target, bundle: object.metadata.name, createdAt: object.metadata.creationTimestamp ?? '' };
}

/** The TrustBundles whose verdicts depend on this one, itself included. */
export function rivalsOf(entry: TrustBundleEntry, bundles: TrustBundleCache): ReadonlySet<string> {
  const rivals = entry.targets.flatMap(({ name }) => bundles.index('target', name));
  return new Set([entry.object.metadata.name, ...rivals.map(({ object }) => object.metadata.name)]);
}
