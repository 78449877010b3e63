import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { TrustBundleEntry } from '#bundles/controller/entry.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import { isKeptFor } from '#bundles/controller/finalizer.ts';
import type { Landings } from '#bundles/controller/landings.ts';
import type { TargetKey } from '#bundles/controller/placement/removals.ts';
import type { ServedApi } from '#bundles/controller/served-api.ts';
import { readPublishedFile } from '#bundles/controller/target-file.ts';
import { type TargetReport, unseenTarget } from '#bundles/controller/target-report.ts';
import { formats } from '#bundles/format/format.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { fallbackOf, publishedTargets } from '#bundles/target/fallback.ts';
import { isTargetKind, kindNames, targetId } from '#bundles/target/named-target.ts';
import { isCreated } from '#bundles/target/placed-object.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound } from '#kube/error.ts';
import type { AnyObject } from '#kube/object.ts';
import type { Step } from '#step.ts';

export interface RetirementTools {
  readonly client: KubeClient;
  readonly api: Pick<ServedApi, 'resource' | 'isAbsent'>;
  /** Of files. */
  readonly directory: string;
  readonly landings: Pick<Landings, 'isAwaited'>;
  readonly step?: Step | undefined;
}

/** Targets that its status tells of. */
export function toldTargets({ status }: TrustBundle): TargetKey[] {
  return (status?.targets ?? []).flatMap(({ kind, name }) => (isTargetKind(kind) ? [{ kind, name }] : []));
}

/**
 * All that it may have written: what its status tells, and what its specification names, for a status can be lost. So can be what told
 * of a fallback that has begun.
 */
export function takenAlong({ object, spec }: TrustBundleEntry): TargetKey[] {
  const named = spec === undefined ? [] : publishedTargets(spec, object.status);
  const fallback = spec === undefined || !isKeptFor(object, 'fallback') ? undefined : fallbackOf(spec);
  const written = [...named, ...(fallback === undefined ? [] : [fallback])].filter(({ kind }) =>
    isKeptFor(object, kind),
  );
  const all = [...toldTargets(object), ...written.map(({ kind, name }) => ({ kind, name }))];
  return [...new Map(all.map((one) => [targetId(one), one])).values()];
}

/** Again after this, when something stands in the way. */
const retryMs = 15_000;

/**
 * Takes away a ClusterTrustBundle or file that is no target any more, when it still is of this TrustBundle. Undefined: it is gone; never
 * throws.
 */
export async function retire(
  target: TargetKey,
  owner: string,
  tools: RetirementTools,
  signal: AbortSignal,
): Promise<TargetReport | undefined> {
  try {
    if (target.kind === 'file') await removeFile(target.name, tools);
    else {
      // Asked first: what appears while it is looked for is seen by the next look.
      const mayAppear = !tools.api.isAbsent() && tools.landings.isAwaited(owner);
      await removeBundle(target.name, owner, tools, signal);
      if (mayAppear) return { ...appearing(target), retryMs };
    }
    return undefined;
  } catch (error) {
    return { ...leaving(target, targetFailure(`${kindNames[target.kind]} ${target.name}`, error)), retryMs };
  }
}

/** What is told of a target for as long as something of it is left. */
export function leaving({ kind, name }: TargetKey, error: MangroveError | undefined): TargetReport {
  const what = `${kindNames[kind]} ${name} is no target any more and is being deleted`;
  return {
    ...unseenTarget({ kind, name }),
    error: error ?? new MangroveError('BUNDLE_TARGET_LEAVING', what),
  };
}

/** What is told of a target of which nothing is left, as long as what was sent before may still make it. */
export function appearing(target: TargetKey): TargetReport {
  const what = `${kindNames[target.kind]} ${target.name} is no target any more`;
  const why = 'a request to create it may still be on its way, and it is looked for until none can be';
  return leaving(target, new MangroveError('BUNDLE_TARGET_LEAVING', `${what}: ${why}`));
}

async function removeBundle(
  name: string,
  owner: string,
  { client, api, step }: RetirementTools,
  signal: AbortSignal,
): Promise<void> {
  // Where none is served, none can be left.
  if (api.isAbsent()) return;
  const resource = api.resource();
  const object = await client
    .get<AnyObject>(resource, name, { metadataOnly: true, signal })
    .catch<undefined>(ignoreNotFound);
  if (object === undefined || object.metadata.annotations?.[OWNER_ANNOTATION] !== owner) return;
  if (!isCreated(object)) return;
  await step?.('removal/delete');
  const { uid = '', resourceVersion = '' } = object.metadata;
  await client.delete(resource, name, { uid, resourceVersion, signal });
}

/** A file carries no mark: what is no bundle any more is somebody's. */
async function removeFile(name: string, { directory, step }: RetirementTools): Promise<void> {
  const read = Object.values(formats).map((format) => readPublishedFile({ directory, name, format }));
  const held = await Promise.all(read).catch((error: unknown) => {
    // Something else of that name is not ours to take.
    if (errorCode(error) === 'BUNDLE_TARGET_FOREIGN') return [];
    throw error;
  });
  if (held.every((one) => one === undefined)) return;
  await step?.('removal/delete');
  await rm(join(directory, name), { force: true });
}
