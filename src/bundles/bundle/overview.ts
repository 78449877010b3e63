import type { TrustBundle, TrustBundleStatus } from '#bundles/bundle/resource.ts';

type Of<Part extends 'anchors' | 'sources' | 'targets' | 'conditions'> = NonNullable<
  TrustBundleStatus[Part]
>[number];

/** What a TrustBundle tells of itself, without the wordiness of a Kubernetes object. */
export interface Overview {
  readonly name: string;
  readonly trustDomain: string;
  /** Absent before the first report. */
  readonly ready?: Pick<Of<'conditions'>, 'status' | 'reason' | 'message'>;
  /** The specification changed after this was reported. */
  readonly outdated: boolean;
  /** Of the bundle. */
  readonly hash?: string;
  readonly roots: readonly Of<'anchors'>[];
  readonly sources: readonly (Of<'sources'> & { readonly ageSeconds?: number })[];
  readonly targets: readonly (Of<'targets'> & { readonly ageSeconds?: number })[];
}

/** @param now epoch ms, best by the clock of the cluster, whose times these are */
export function overviewOf({ metadata, spec, status = {} }: TrustBundle, now: number): Overview {
  const { observedGeneration = 0, conditions, hash, anchors = [], sources = [], targets = [] } = status;
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    trustDomain: spec.trustDomain,
    ...(ready !== undefined && {
      ready: { status: ready.status, reason: ready.reason, message: ready.message },
    }),
    outdated: observedGeneration < (metadata.generation ?? 0),
    ...(hash !== undefined && { hash }),
    roots: anchors,
    sources: sources.map((source) => ({ ...source, ...age(source.lastGoodTime, now) })),
    targets: targets.map((target) => ({ ...target, ...age(target.lastVerifiedTime, now) })),
  };
}

function age(time: string | undefined, now: number): { readonly ageSeconds?: number } {
  if (time === undefined) return {};
  return { ageSeconds: Math.max(0, Math.round((now - Date.parse(time)) / 1000)) };
}
