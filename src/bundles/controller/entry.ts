import { type Labels, selects } from '#bundles/bundle/label-selector.ts';
import { parseTrustBundleSpec, type TrustBundle, type TrustBundleSpec } from '#bundles/bundle/resource.ts';
import { type SourceKind, sourceKey } from '#bundles/bundle/source-spec.ts';
import { deletesTargets, isEnding } from '#bundles/controller/finalizer.ts';
import { CONSENT_ANNOTATION } from '#bundles/source/consent.ts';
import { arbitrate, type Claim, type Verdict } from '#bundles/target/claim.ts';
import { publishedTargets } from '#bundles/target/fallback.ts';
import { type NamedTarget, targetId } from '#bundles/target/named-target.ts';
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
    target: (entry) => entry.targets.map(targetId),
    authority: (entry) => entry.authorities,
    sourceKind: (entry) => entry.sourceKinds,
  });
}

/** Never throws: an object that cannot be read has to be told so in its status. */
export function trustBundleEntry(object: TrustBundle): TrustBundleEntry {
  try {
    const spec = parseTrustBundleSpec(object.spec);
    const targets = publishedTargets(spec, object.status);
    return {
      object,
      spec,
      invalid: undefined,
      // One that is being deleted claims nothing any more.
      targets: isEnding(object) ? [] : targets,
      authorities: spec.sources.flatMap(({ authority }) => (authority === undefined ? [] : [authority.name])),
      sourceKinds: [...new Set(spec.sources.map((source) => sourceKey(source).kind))],
    };
  } catch (invalid) {
    return { object, spec: undefined, invalid, targets: [], authorities: [], sourceKinds: [] };
  }
}

/**
 * Who publishes the target, of all TrustBundles that claim it now.
 * @param target its id
 * @param selected whether it is claimed there; by default everywhere
 */
export function verdictOn(
  target: string,
  bundles: TrustBundleCache,
  selected: (target: NamedTarget) => boolean = () => true,
): Verdict {
  const claims = bundles
    .index('target', target)
    .filter(({ targets }) => targets.some((one) => targetId(one) === target && selected(one)))
    .map((entry) => claimOf(entry, target));
  return arbitrate(claims).get(target) ?? { winner: '', losers: [] };
}

/** Who publishes in a namespace with these labels; undefined when only one TrustBundle names the target at all. */
export function verdictIn(target: string, labels: Labels, bundles: TrustBundleCache): Verdict | undefined {
  if (bundles.index('target', target).length < 2) return undefined;
  return verdictOn(
    target,
    bundles,
    ({ kind, spec }) =>
      (kind === 'configMap' || kind === 'secret') && selects(spec.namespaceSelector, labels),
  );
}

/**
 * What else a TrustBundle publishes may go; undefined when nothing may: it is not there, its policy keeps everything, or what it
 * publishes cannot be read.
 */
export function targetsWhileDeleting(
  name: string,
  bundles: TrustBundleCache,
): readonly NamedTarget[] | undefined {
  const entry = bundles.getByKey(name);
  if (entry === undefined || !deletesTargets(entry.object)) return undefined;
  return entry.spec === undefined && !isEnding(entry.object) ? undefined : entry.targets;
}

function claimOf({ object }: TrustBundleEntry, target: string): Claim {
  return { target, bundle: object.metadata.name, createdAt: object.metadata.creationTimestamp ?? '' };
}

/** Wall clock of the API server, ms, of a whole second. */
export function createdAt(entry: TrustBundleEntry | undefined): number | undefined {
  const text = entry?.object.metadata.creationTimestamp;
  return text === undefined ? undefined : Date.parse(text);
}

/** The TrustBundles whose verdicts depend on this one, itself included. */
export function rivalsOf(entry: TrustBundleEntry, bundles: TrustBundleCache): ReadonlySet<string> {
  const rivals = entry.targets.flatMap((target) => bundles.index('target', targetId(target)));
  return new Set([entry.object.metadata.name, ...rivals.map(({ object }) => object.metadata.name)]);
}

/** Nothing is new but what we tell in its status ourselves. */
export function asksTheSame(previous: TrustBundleEntry | undefined, current: TrustBundleEntry): boolean {
  const { uid, generation, annotations = {} } = current.object.metadata;
  const before = previous?.object.metadata;
  return (
    generation !== undefined &&
    before?.generation === generation &&
    before.uid === uid &&
    // A fallback begins by standing in the status.
    previous?.targets.length === current.targets.length &&
    before.annotations?.[CONSENT_ANNOTATION] === annotations[CONSENT_ANNOTATION]
  );
}

/** Somebody has taken away by hand what keeps it, which is no change of its specification. */
export function isLetGo(previous: TrustBundleEntry | undefined, current: TrustBundleEntry): boolean {
  const kept = current.object.metadata.finalizers ?? [];
  return previous?.object.metadata.finalizers?.some((one) => !kept.includes(one)) === true;
}
