import { bundleHash, decodePublished } from '#bundles/bundle/bundle.ts';
import { parseTrustBundleSpec, type TrustBundle } from '#bundles/bundle/resource.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import { readPublishedFile } from '#bundles/controller/target-file.ts';
import { examinePlaced } from '#bundles/controller/verify-placements.ts';
import { formats } from '#bundles/format/format.ts';
import { CHANNEL_LABEL, TRUST_DOMAIN_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { publishedTargets, standIn } from '#bundles/target/fallback.ts';
import {
  type ClusterTrustBundleTarget,
  type FileTarget,
  kindNames,
  type NamedTarget,
  type PlacementTarget,
} from '#bundles/target/named-target.ts';
import { requireOwned } from '#bundles/target/ownership.ts';
import { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { objectPath, type Resource, trustBundles } from '#kube/resource.ts';

/** What one required target was just seen to hold. */
export interface TargetEvidence {
  /** Such as `ClusterTrustBundle/mangrove.dev:workload:east.test`. */
  readonly target: string;
  /** True only when the object is ours, workloads can select it, and it holds the anchor. */
  readonly published: boolean;
  /** Objects that were looked at: one, or one in each selected namespace. */
  readonly places: number;
  /** Hash of the bundle that it holds, hex; undefined when it could not be read strictly, or at all. */
  readonly hash: string | undefined;
  readonly resourceVersion: string | undefined;
  /** Date of the API server's answer, epoch seconds. */
  readonly serverTime: number | undefined;
  /** Why `published` is false. */
  readonly error: MangroveError | undefined;
}

/** Whether an anchor was just seen in every required target of its trust domain. */
export interface PublishedEvidence {
  readonly trustDomain: string;
  /** Fingerprint of the anchor, hex. */
  readonly anchorSha256: string;
  /** True when there is a required target and none of them lacks the anchor. */
  readonly complete: boolean;
  readonly targets: readonly TargetEvidence[];
}

export interface Verification {
  readonly client: KubeClient;
  /**
   * ClusterTrustBundles at the version that is served.
   * @throws MangroveError BUNDLE_API_ABSENT, BUNDLE_API_UNKNOWN
   */
  readonly resource: () => Resource;
  /** The API server was found to serve none. */
  readonly isAbsent: () => boolean;
  /** Namespaces that nothing is ever placed in. */
  readonly reserved: readonly string[];
  /** Of file targets. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads every required target of a trust domain afresh: consistent reads of the TrustBundles and of each target, no cache.
 * A target that cannot be read is in the evidence as not published; that the TrustBundles themselves cannot be is thrown.
 * @throws MangroveError KUBE_*
 */
export async function verifyPublished(
  verification: Verification,
  trustDomain: string,
  anchorSha256: string,
): Promise<PublishedEvidence> {
  const { client, signal } = verification;
  const { items } = await client.list<TrustBundle>(trustBundles, { signal });
  const isAbsent = verification.isAbsent();
  const required = items
    .filter((object) => object.spec.trustDomain === trustDomain)
    .flatMap((object) => requiredTargets(object, isAbsent));
  const targets = await Promise.all(required.map((target) => examine(verification, target, anchorSha256)));
  // Namespaces that nobody has made yet hold nobody up, and vouch for nothing.
  const complete = targets.some(({ places }) => places > 0) && targets.every(({ published }) => published);
  return { trustDomain, anchorSha256, complete, targets };
}

interface Required<Target extends NamedTarget = NamedTarget> {
  readonly target: Target;
  readonly owner: string;
  readonly trustDomain: string;
}

/** What stands for ClusterTrustBundles is looked at in their place, while the API server serves none. */
function requiredTargets(object: TrustBundle, isAbsent: boolean): Required[] {
  const spec = parseTrustBundleSpec(object.spec);
  const owner = object.metadata.name;
  const targets = publishedTargets(spec, object.status);
  const isCovered = isAbsent && standIn(spec, targets) !== undefined;
  return targets
    .filter(({ required, kind }) => required && !(isCovered && kind === 'clusterTrustBundle'))
    .map((target) => ({ target, owner, trustDomain: spec.trustDomain }));
}

/** What a target is called in evidence. */
function evidenceName({ kind, name }: Pick<NamedTarget, 'kind' | 'name'>): string {
  return `${kindNames[kind]}/${name}`;
}

async function examine(
  verification: Verification,
  { target, owner, trustDomain }: Required,
  anchorSha256: string,
): Promise<TargetEvidence> {
  const name = evidenceName(target);
  const unread = { target: name, hash: undefined, resourceVersion: undefined, serverTime: undefined };
  try {
    if (target.kind === 'clusterTrustBundle') {
      return await examineOne(verification, { target, owner, trustDomain }, anchorSha256);
    }
    if (target.kind === 'file') return await examineFile(verification, target, anchorSha256);
    return await examineMany(verification, { target, owner, trustDomain }, anchorSha256);
  } catch (error) {
    return { ...unread, places: 1, published: false, error: targetFailure(name, error) };
  }
}

/** Of the replica that publishes, and asks. */
async function examineFile(
  { client, directory }: Verification,
  { kind, name, spec }: FileTarget,
  anchor: string,
): Promise<TargetEvidence> {
  const held = await readPublishedFile({ directory, name, format: formats[spec.format] });
  const published = held?.has(anchor) === true;
  const what = evidenceName({ kind, name });
  return {
    target: what,
    published,
    places: 1,
    hash: held === undefined ? undefined : bundleHash(held),
    resourceVersion: undefined,
    serverTime: client.serverTime(),
    error: published
      ? undefined
      : new MangroveError('BUNDLE_TARGET_ALTERED', `file ${name} does not hold anchor ${anchor.slice(0, 8)}`),
  };
}

async function examineMany(
  { client, reserved, signal }: Verification,
  { target, owner, trustDomain }: Required<PlacementTarget>,
  anchor: string,
): Promise<TargetEvidence> {
  const question = { client, target, owner, trustDomain, anchor, reserved, signal };
  const { namespaces: places, error } = await examinePlaced(question);
  const serverTime = client.serverTime();
  const common = { hash: undefined, resourceVersion: undefined, serverTime };
  return { ...common, target: evidenceName(target), published: error === undefined, places, error };
}

async function examineOne(
  { client, resource, signal }: Verification,
  required: Required<ClusterTrustBundleTarget>,
  anchorSha256: string,
): Promise<TargetEvidence> {
  const { target } = required;
  const path = objectPath(resource(), undefined, target.name);
  const { body, serverTime } = await client.request<ClusterTrustBundle>({ method: 'GET', path, signal });
  const held = decodePublished(body.spec.trustBundle);
  const error = objection(body, required, held?.has(anchorSha256) === true, anchorSha256);
  return {
    target: evidenceName(target),
    published: error === undefined,
    places: 1,
    hash: held === undefined ? undefined : bundleHash(held),
    resourceVersion: body.metadata.resourceVersion,
    serverTime,
    error,
  };
}

/** Why this object does not bring the anchor to workloads; undefined when it does. */
function objection(
  object: ClusterTrustBundle,
  { target: { name, spec }, owner, trustDomain }: Required<ClusterTrustBundleTarget>,
  held: boolean,
  anchorSha256: string,
): MangroveError | undefined {
  try {
    requireOwned(object, { name: owner, trustDomain, knownUid: undefined }, `ClusterTrustBundle ${name}`);
  } catch (error) {
    return targetFailure(name, error);
  }
  // Pods select by this label: without it they mount nothing, whatever the object holds.
  if (object.metadata.labels?.[CHANNEL_LABEL] !== spec.channel) {
    return altered(`has no label ${CHANNEL_LABEL}=${spec.channel}`);
  }
  if (object.metadata.annotations?.[TRUST_DOMAIN_ANNOTATION] !== trustDomain) {
    return altered(`has no annotation ${TRUST_DOMAIN_ANNOTATION}=${trustDomain}`);
  }
  return held ? undefined : altered(`does not hold anchor ${anchorSha256.slice(0, 8)}`);

  function altered(what: string): MangroveError {
    return new MangroveError('BUNDLE_TARGET_ALTERED', `ClusterTrustBundle ${name} ${what}`);
  }
}

/** Evidence in a sentence: who holds the anchor, or who lacks it and why. */
export function describeEvidence({ trustDomain, anchorSha256, complete, targets }: PublishedEvidence): {
  readonly published: boolean;
  readonly message: string;
} {
  const anchor = `anchor ${anchorSha256.slice(0, 8)}`;
  if (targets.length === 0) {
    return { published: complete, message: `no TrustBundle of ${trustDomain} names a target for ${anchor}` };
  }
  if (targets.every(({ places }) => places === 0)) {
    return { published: complete, message: `no target for ${anchor} selects a namespace` };
  }
  const missing = targets.filter((target) => !target.published);
  const message =
    missing.length === 0
      ? `${anchor} was read back from ${targets.map(({ target }) => target).join(', ')}`
      : `${missing.length} of ${targets.length} targets lack ${anchor}: ${missing.map(({ error }) => error?.message).join('; ')}`;
  return { published: complete, message };
}
