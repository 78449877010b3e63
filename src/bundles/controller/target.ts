import type { ClusterTrustBundleSpec } from '#bundles/bundle/target-spec.ts';
import type { Landings } from '#bundles/controller/landings.ts';
import { type Published, publish } from '#bundles/controller/publish.ts';
import { type ServedApi, servedVersion } from '#bundles/controller/served-api.ts';
import {
  noteFailure,
  noteRepair,
  noteVerified,
  type TargetMemory,
} from '#bundles/controller/target-memory.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { requireBundle, rememberedReport, type Wish } from '#bundles/controller/wish.ts';
import {
  type DesiredClusterTrustBundle,
  desiredClusterTrustBundle,
  differences,
} from '#bundles/target/cluster-trust-bundle.ts';
import { requireOwned } from '#bundles/target/ownership.ts';
import type { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import { isOutcomeUnknown } from '#kube/error.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import type { Step } from '#step.ts';

/** Everything that one attempt at one target needs to know. */
export interface TargetTask extends Wish {
  /** Of the ClusterTrustBundle. */
  readonly name: string;
  readonly target: ClusterTrustBundleSpec;
  readonly trustDomain: string;
  readonly signal: AbortSignal;
}

export interface TargetTools {
  readonly client: KubeClient;
  readonly api: ServedApi;
  readonly clock: Clock;
  readonly random: () => number;
  readonly landings: Landings;
  /** The watch may be silent for this long and its cache still counts as what is. */
  readonly staleMs: number;
  readonly step?: Step | undefined;
}

/**
 * Brings one target to what it should be, or says why not; never throws. When the watch shows that nothing differs, the API
 * server is neither read nor written.
 */
export async function settleTarget(
  task: TargetTask,
  memory: TargetMemory,
  tools: TargetTools,
): Promise<TargetReport> {
  const { name } = task;
  const published = await attempt(task, memory, tools).catch((error: unknown) => {
    noteFailure(`ClusterTrustBundle ${name}`, error, memory, tools);
    noteAbsence(memory.error, tools);
    if (task.signal.aborted || isOutcomeUnknown(error)) tools.landings.lost(task.owner);
    return undefined;
  });
  return {
    ...rememberedReport(task, memory, tools),
    kind: 'clusterTrustBundle',
    name,
    apiVersion: servedVersion(tools.api),
    written: published?.written,
    changed: published?.changed ?? [],
  };
}

type Written = Pick<TargetReport, 'written' | 'changed'>;

async function attempt(
  task: TargetTask,
  memory: TargetMemory,
  tools: TargetTools,
): Promise<Written | undefined> {
  const { name, owner } = task;
  const bundle = requireBundle(`ClusterTrustBundle ${name}`, task);
  const desired = desiredClusterTrustBundle(task.target, bundle, owner);
  const wish = JSON.stringify([bundle.sha256, task.target, task.growOnly]);
  const wished = memory.wish === wish;
  const resource = tools.api.resource();
  if (holds(cached(name, tools), desired, task, memory)) {
    memory.wish = wish;
    noteVerified(bundle.sha256, memory, tools);
    return undefined;
  }
  if (tools.clock.monotonic() < memory.notBefore && wished) return undefined;
  const foreign = memory.hash === bundle.sha256 && wished;
  memory.wish = wish;
  const claimant = { name: owner, trustDomain: task.trustDomain, knownUid: memory.knownUid };
  const { client, step } = tools;
  const { growOnly, signal } = task;
  const published = await publish({ client, resource, desired, claimant, growOnly, signal, step });
  memory.knownUid = published.object.metadata.uid;
  noteVerified(bundle.sha256, memory, tools);
  if (published.outcome === 'unchanged') return undefined;
  if (foreign) noteRepair(memory, tools);
  return { written: writtenAs(published, foreign), changed: published.changed };
}

function writtenAs({ outcome }: Published, foreign: boolean): TargetReport['written'] {
  if (foreign) return 'repaired';
  return outcome === 'unchanged' ? undefined : outcome;
}

/** What the watch knows of the object, while the watch can be believed. */
function cached(name: string, { api, clock, staleMs }: TargetTools): ClusterTrustBundle | undefined {
  const contact = api.lastContact();
  if (contact === undefined || clock.monotonic() - contact > staleMs) return undefined;
  return api.cache()?.get(undefined, name);
}

function holds(
  object: ClusterTrustBundle | undefined,
  desired: DesiredClusterTrustBundle,
  task: TargetTask,
  memory: TargetMemory,
): boolean {
  if (object === undefined || differences(object, desired).length > 0) return false;
  const { knownUid } = memory;
  requireOwned(
    object,
    { name: task.owner, trustDomain: task.trustDomain, knownUid },
    `ClusterTrustBundle ${task.name}`,
  );
  memory.knownUid = object.metadata.uid;
  return true;
}

function noteAbsence(error: MangroveError | undefined, { api }: TargetTools): void {
  // A server that lost the API answers like this to every write.
  if (error?.code === 'BUNDLE_API_ABSENT') api.recheck();
}
