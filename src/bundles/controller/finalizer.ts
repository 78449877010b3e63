import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { KubeClient } from '#kube/client.ts';
import { trustBundles } from '#kube/resource.ts';
import type { Step } from '#step.ts';

/** Keeps a TrustBundle that is being deleted until its targets are gone. */
export const TARGETS_FINALIZER = 'mangrove.dev/targets';

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

/**
 * The object with or without our finalizer, as its policy asks for; one that is being deleted only ever loses it. Throws KubeError.
 * @param finished nothing is left that it should take with it
 */
export async function finalized(
  object: TrustBundle,
  finished: boolean,
  { client, step }: FinalizerTools,
  signal: AbortSignal,
): Promise<TrustBundle> {
  const { finalizers = [] } = object.metadata;
  const has = finalizers.includes(TARGETS_FINALIZER);
  const wanted = deletesTargets(object) && !(isEnding(object) && finished);
  if (has === wanted || (wanted && isEnding(object))) return object;
  await step?.(wanted ? 'removal/hold' : 'removal/release');
  const others = finalizers.filter((finalizer) => finalizer !== TARGETS_FINALIZER);
  const { metadata } = await client.update(
    trustBundles,
    {
      ...object,
      metadata: { ...object.metadata, finalizers: wanted ? [...others, TARGETS_FINALIZER] : others },
    },
    { signal, metadataOnly: true },
  );
  return { ...object, metadata: { ...object.metadata, ...metadata, finalizers: metadata.finalizers ?? [] } };
}
