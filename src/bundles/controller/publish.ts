import { decodePublished } from '#bundles/bundle/bundle.ts';
import type { SignerTurns } from '#bundles/controller/signer-turns.ts';
import {
  corrected,
  type DesiredClusterTrustBundle,
  differences,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { requireGrowth } from '#bundles/target/growth.ts';
import { type Claimant, requireOwned } from '#bundles/target/ownership.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound, isNotFound } from '#kube/error.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { apiVersion, type Resource } from '#kube/resource.ts';
import type { Step } from '#step.ts';

export interface Publication {
  readonly client: KubeClient;
  /** ClusterTrustBundles at the version that is served. */
  readonly resource: Resource;
  readonly desired: DesiredClusterTrustBundle;
  readonly claimant: Claimant;
  /** True while a source is unread: then nothing may leave a target. */
  readonly growOnly: boolean;
  readonly signerTurns: SignerTurns;
  readonly signal?: AbortSignal | undefined;
  readonly step?: Step | undefined;
}

export interface Published {
  readonly outcome: 'unchanged' | 'created' | 'updated';
  /** As read back. */
  readonly object: ClusterTrustBundle;
  /** What was put right, in words. */
  readonly changed: readonly string[];
}

/** Somebody who writes at the same time makes us read again; after so many rounds it is for the queue to wait. */
const ROUNDS = 3;

/**
 * Makes the object what it should be: reads it, writes only a difference, and reads it back. Every write is a create or a
 * PUT of the object that was just read, with its resourceVersion: it changes nothing that we have not seen, costs half of a
 * server-side apply (which would cost as much again when nothing changes), and labels of others travel along. A write whose
 * answer was lost shows itself in the next read.
 * @throws MangroveError BUNDLE_TARGET_FOREIGN, BUNDLE_TARGET_ALTERED, BUNDLE_SOURCE_PENDING, KUBE_*
 */
export async function publish(publication: Publication): Promise<Published> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const current = await read(publication);
    if (current !== undefined) {
      const changed = examine(current, publication);
      if (changed.length === 0) return { outcome: 'unchanged', object: current, changed };
      if (!(await replace(current, publication))) continue;
      return { outcome: 'updated', object: await readBack(publication), changed };
    }
    if (!(await create(publication))) continue;
    return { outcome: 'created', object: await readBack(publication), changed: ['object'] };
  }
  const { name } = publication.desired;
  throw new MangroveError(
    'BUNDLE_TARGET_ALTERED',
    `ClusterTrustBundle ${name}: somebody else wrote it at the same time, ${ROUNDS} times in a row`,
  );
}

function read({ client, resource, desired, signal }: Publication): Promise<ClusterTrustBundle | undefined> {
  return client.get<ClusterTrustBundle>(resource, desired.name, { signal }).catch(ignoreNotFound);
}

/** What differs in an object that is ours. */
function examine(
  current: ClusterTrustBundle,
  { desired, claimant, growOnly }: Publication,
): readonly string[] {
  requireOwned(current, claimant, `ClusterTrustBundle ${desired.name}`);
  if (growOnly) {
    const held = decodePublished(current.spec.trustBundle)?.keys() ?? [];
    requireGrowth(`ClusterTrustBundle ${desired.name}`, held, desired.bundle);
  }
  return differences(current, desired);
}

/** False when the object changed or vanished in between. */
async function replace(
  current: ClusterTrustBundle,
  { client, resource, desired, signal, step }: Publication,
): Promise<boolean> {
  await step?.('publish/write');
  try {
    await client.update(resource, corrected(current, desired), { signal });
    return true;
  } catch (error) {
    if (errorCode(error) === 'KUBE_CONFLICT' || isNotFound(error)) return false;
    throw error;
  }
}

/** False when somebody was faster. */
function create(publication: Publication): Promise<boolean> {
  const { signerName } = publication.desired;
  const begin = () => createUnpooled(publication);
  return signerName === undefined ? begin() : publication.signerTurns.take(signerName, begin);
}

async function createUnpooled({ client, resource, desired, signal, step }: Publication): Promise<boolean> {
  const { name, labels, annotations, signerName, bundle } = desired;
  const object: ClusterTrustBundle = {
    apiVersion: apiVersion(resource),
    kind: resource.kind,
    metadata: { name, labels, annotations },
    spec: { ...(signerName !== undefined && { signerName }), trustBundle: bundle.pem },
  };
  await requireUnpooled({ client, resource, desired, signal });
  await step?.('publish/write');
  try {
    await client.create(resource, object, { signal });
    return true;
  } catch (error) {
    if (errorCode(error) === 'KUBE_ALREADY_EXISTS') return false;
    throw error;
  }
}

/**
 * The kubelet merges every bundle of a signer that a selector matches: two trust domains under one signer name would
 * vouch for each other. So a bundle is not begun beside one of another trust domain, whoever left it there.
 */
async function requireUnpooled({
  client,
  resource,
  desired,
  signal,
}: Pick<Publication, 'client' | 'resource' | 'desired' | 'signal'>): Promise<void> {
  const { signerName, annotations } = desired;
  if (signerName === undefined) return;
  const { items } = await client.list<ClusterTrustBundle>(resource, {
    fieldSelector: `spec.signerName=${signerName}`,
    signal,
  });
  const own = annotations[TRUST_DOMAIN_ANNOTATION];
  const other = items.find(
    ({ metadata }) => (metadata.annotations?.[TRUST_DOMAIN_ANNOTATION] ?? own) !== own,
  );
  if (other === undefined) return;
  throw new MangroveError(
    'BUNDLE_SIGNER_POOLED',
    `ClusterTrustBundle ${other.metadata.name} publishes trust domain ${other.metadata.annotations?.[TRUST_DOMAIN_ANNOTATION]} under the same signer name ${signerName}`,
  );
}

/** What counts is what a reader gets, not what the answer to the write said. */
async function readBack(publication: Publication): Promise<ClusterTrustBundle> {
  await publication.step?.('publish/read-back');
  const object = await read(publication);
  const { name } = publication.desired;
  const differing = object === undefined ? ['object'] : differences(object, publication.desired);
  if (object !== undefined && differing.length === 0) return object;
  throw new MangroveError(
    'BUNDLE_TARGET_ALTERED',
    `ClusterTrustBundle ${name} was written, but read back it differs in: ${differing.join(', ')}`,
  );
}
