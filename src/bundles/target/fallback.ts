import type { TrustBundleSpec, TrustBundleStatus } from '#bundles/bundle/resource.ts';
import {
  configMapName,
  type NamedTarget,
  namedTargets,
  type PlacementTarget,
  targetId,
} from '#bundles/target/named-target.ts';

/** The key that ConfigMaps of roots have by convention. */
const keys: PlacementTarget['spec']['keys'] = [{ key: 'ca.crt', format: 'pem' }];

/**
 * The ConfigMap that can stand for the live ClusterTrustBundles of a TrustBundle; undefined when it has none of these, when nobody wants
 * it, or when the specification has a target of this name itself.
 * @throws MangroveError BUNDLE_SPEC_INVALID
 */
export function fallbackOf(spec: TrustBundleSpec): PlacementTarget | undefined {
  const { mode, namespaceSelector } = spec.fallback;
  const named = namedTargets(spec);
  const isLive = named.some(
    (target) => target.kind === 'clusterTrustBundle' && target.spec.channel === 'live',
  );
  const fallback: PlacementTarget = {
    kind: 'configMap',
    name: configMapName(spec.trustDomain),
    required: true,
    spec: { namespaceSelector, keys, adopt: false },
    fallback: true,
  };
  const isNamed = named.some((target) => targetId(target) === targetId(fallback));
  return mode === 'Never' || !isLive || isNamed ? undefined : fallback;
}

/**
 * Every target that a TrustBundle has now. That a fallback has begun stands in the status, so all who read the object agree on it, and it
 * goes on when the API appears that it stood for.
 * @throws MangroveError BUNDLE_SPEC_INVALID
 */
export function publishedTargets(
  spec: TrustBundleSpec,
  status: TrustBundleStatus | undefined,
): readonly NamedTarget[] {
  const named = namedTargets(spec);
  const fallback = fallbackOf(spec);
  if (fallback === undefined) return named;
  // A target of that name that somebody asked for, and asks for no more, has begun nothing.
  const isPublished = spec.fallback.mode === 'Always' || toldOf(fallback, status)?.fallback === true;
  return isPublished ? [...named, fallback] : named;
}

/** The status has an entry of it: whatever it may have written is remembered. */
export function isTold(
  target: Pick<NamedTarget, 'kind' | 'name'>,
  status: TrustBundleStatus | undefined,
): boolean {
  return toldOf(target, status) !== undefined;
}

/** What the status says of it. */
export function toldOf(
  { kind, name }: Pick<NamedTarget, 'kind' | 'name'>,
  status: TrustBundleStatus | undefined,
) {
  return status?.targets?.find((target) => target.kind === kind && target.name === name);
}

/** Whether a target was ever seen to hold a bundle, by what the status tells of it. */
export function hasHeld(told: ReturnType<typeof toldOf>): boolean {
  return told?.hash !== undefined || told?.firstVerifiedTime !== undefined;
}

/**
 * Which of these targets stands for ClusterTrustBundles that cannot be written: the fallback, or one that the specification has in
 * its place and waits for.
 */
export function standIn(spec: TrustBundleSpec, targets: readonly NamedTarget[]): NamedTarget | undefined {
  if (spec.fallback.mode === 'Never') return undefined;
  const id = targetId({ kind: 'configMap', name: configMapName(spec.trustDomain) });
  return targets.find((target) => target.required && targetId(target) === id);
}
