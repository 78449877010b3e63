import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { standingConfigMaps } from '#bundles/controller/placement/remains.ts';
import { hasHeld } from '#bundles/target/fallback.ts';
import {
  isPlacementKind,
  type NamedTarget,
  type PlacementKind,
  type PlacementTarget,
} from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import { trustBundles } from '#kube/resource.ts';
import type { Step } from '#step.ts';

/**
 * Each keeps a TrustBundle that is being deleted until its targets of that kind are gone, and is there before one of them is written.
 * What takes rights of its own has one of its own, for where these were never given nothing was written: and the status, which can be
 * lost, could not prove that.
 */
const finalizers: Readonly<Record<NamedTarget['kind'], string>> = {
  clusterTrustBundle: 'mangrove.dev/targets',
  file: 'mangrove.dev/targets',
  configMap: 'mangrove.dev/configmap-targets',
  secret: 'mangrove.dev/secret-targets',
};
/** Beside that of ConfigMaps, once the fallback may be written: others of them do not mean that it ever was. */
const fallbackFinalizer = 'mangrove.dev/fallback-targets';
const placementKinds = ['configMap', 'secret'] as const satisfies readonly PlacementKind[];
const all: readonly string[] = [...new Set(Object.values(finalizers)), fallbackFinalizer];

/** What a TrustBundle can be kept for before it is written. */
export type Hold = PlacementKind | 'fallback';

export function holdOf({ kind, fallback }: Pick<PlacementTarget, 'kind' | 'fallback'>): Hold {
  return fallback === true ? 'fallback' : kind;
}

type ToldTarget = NonNullable<NonNullable<TrustBundle['status']>['targets']>[number];

export interface FinalizerTools {
  readonly client: KubeClient;
  readonly step?: Step | undefined;
}

/** It is being deleted, and waits for us. */
export function isEnding({ metadata }: TrustBundle): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** What it publishes goes with it. As the object says it, for a specification that cannot be read must not keep it for ever. */
export function deletesTargets({ spec }: TrustBundle): boolean {
  return spec.deletionPolicy === 'Delete';
}

/** It has what keeps it until its targets of that kind are gone; without, nothing of them was written since it was to take them with it. */
export function isKeptFor(object: TrustBundle, what: NamedTarget['kind'] | 'fallback'): boolean {
  if (what === 'fallback') return isKeptFor(object, 'configMap') && has(object, fallbackFinalizer);
  return has(object, finalizers[what]);
}

function has({ metadata }: TrustBundle, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true;
}

/** It is kept for that kind, or one of that kind was seen to hold a bundle before anything was: by an older version, or when it was taken away by hand. */
export function mayHaveWritten(object: TrustBundle, kind: PlacementKind): boolean {
  return isKeptFor(object, kind) || tells(object, (told) => told.kind === kind && hasHeld(told));
}

/**
 * Before anything is written for a TrustBundle that takes it with it: the object with the finalizers of it. What it has no target of any more, whose
 * status tells of nothing that is left, and of which the API server shows nothing keeps it no longer. Throws KubeError.
 * @param next what is about to be written
 */
export async function held(
  object: TrustBundle,
  next: readonly Hold[],
  tools: FinalizerTools,
  signal: AbortSignal,
): Promise<TrustBundle> {
  if (!deletesTargets(object)) return finalized(object, [], tools, signal);
  const wished = placementKinds.filter((kind) => isKeptFor(object, kind) && hasTargets(object, kind));
  const placed = next.map((what) => (what === 'fallback' ? 'configMap' : what));
  const kinds = ['clusterTrustBundle' as const, ...wished, ...placed, ...writtenKinds(object)];
  if (isKeptFor(object, 'configMap') && !kinds.includes('configMap') && (await stands(object, tools, signal)))
    kinds.push('configMap');
  const wanted = kinds.map((kind) => finalizers[kind]);
  if (kinds.includes('configMap') && (next.includes('fallback') || mayHaveFallback(object)))
    wanted.push(fallbackFinalizer);
  return finalized(object, [...new Set(wanted)], tools, signal);
}

/** It is kept for it, or it was seen to hold a bundle, as in a version that knew no finalizer of it. */
function mayHaveFallback(object: TrustBundle): boolean {
  return has(object, fallbackFinalizer) || tells(object, (told) => told.fallback === true && hasHeld(told));
}

/** The status that told of it may have been lost. What cannot be seen may stand. */
async function stands(
  { metadata: { name } }: TrustBundle,
  { client }: FinalizerTools,
  signal: AbortSignal,
): Promise<boolean> {
  return standingConfigMaps(client, name, signal).then(
    (standing) => standing.length > 0,
    () => true,
  );
}

/** By specification or status, as the object says them. */
function hasTargets(object: TrustBundle, kind: PlacementKind): boolean {
  return (
    object.spec.targets.some((target) => target[kind] !== undefined) ||
    tells(object, (told) => told.kind === kind)
  );
}

/** Something that keeps it was told of until now, and is not any more: it can be let go by the next look. */
export function keepsLess(object: TrustBundle, status: NonNullable<TrustBundle['status']>): boolean {
  return placementKinds.some(
    (kind) => isKeptFor(object, kind) && hasTargets(object, kind) && !hasTargets({ ...object, status }, kind),
  );
}

function tells({ status }: TrustBundle, what: (told: ToldTarget) => boolean): boolean {
  return status?.targets?.some(what) === true;
}

/** Nothing is left that it should take with it, or it leaves all behind. Throws KubeError. */
export function released(
  object: TrustBundle,
  tools: FinalizerTools,
  signal: AbortSignal,
): Promise<TrustBundle> {
  return finalized(object, [], tools, signal);
}

/** What the status tells was written before it was to go with the TrustBundle; and what was seen to hold a bundle, whoever wrote it. */
function writtenKinds(object: TrustBundle): PlacementKind[] {
  const isNew = !isKeptFor(object, 'clusterTrustBundle');
  return (object.status?.targets ?? []).flatMap((told): PlacementKind[] =>
    isPlacementKind(told.kind) && (isNew || hasHeld(told)) ? [told.kind] : [],
  );
}

function ours({ metadata }: TrustBundle): readonly string[] {
  return (metadata.finalizers ?? []).filter((finalizer) => all.includes(finalizer));
}

async function finalized(
  object: TrustBundle,
  wanted: readonly string[],
  { client, step }: FinalizerTools,
  signal: AbortSignal,
): Promise<TrustBundle> {
  const has = ours(object);
  const isNew = wanted.some((finalizer) => !has.includes(finalizer));
  if (!isNew && has.length === wanted.length) return object;
  await step?.(isNew ? 'removal/hold' : 'removal/release');
  const others = (object.metadata.finalizers ?? []).filter((finalizer) => !all.includes(finalizer));
  const { metadata } = await client.update(
    trustBundles,
    { ...object, metadata: { ...object.metadata, finalizers: [...others, ...wanted] } },
    { signal, metadataOnly: true },
  );
  return { ...object, metadata: { ...object.metadata, ...metadata, finalizers: metadata.finalizers ?? [] } };
}
