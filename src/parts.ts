import type { Logger } from 'pino';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import { type ControllerOptions, type Reconcile, startController } from '#kube/controller.ts';
import { type CredentialOptions, loadCredentials } from '#kube/credentials.ts';
import { type Followed, follow } from '#kube/follow.ts';
import { type LeaderElection, startLeaderElection } from '#kube/leader-election.ts';
import type { AnyObject } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import type { Resource } from '#kube/resource.ts';
import { WorkQueue, type WorkQueueOptions } from '#kube/work-queue.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { sqliteLedger } from '#ledger/sqlite-ledger.ts';
import { reportUnresolved } from '#ledger/unresolved.ts';
import type { Config } from '#ops/config-schema.ts';
import type { Metrics } from '#ops/metrics.ts';
import type { Step } from '#step.ts';

/** What every part is made with. */
export interface Base {
  readonly config: Config;
  readonly client: KubeClient;
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborted when the draining begins. */
  readonly draining: AbortSignal;
  /** Aborted after it: for the Lease that controllers write under, and the events that they record. */
  readonly ending: AbortSignal;
}

export function credentialsOf(
  { kubeconfig, context }: Config,
  told: Pick<CredentialOptions, 'log' | 'observer'> = {},
): ReturnType<typeof loadCredentials> {
  return loadCredentials({
    ...(kubeconfig === undefined ? { inCluster: true } : { kubeconfig, context }),
    ...told,
  });
}

/** Without the proof that it can record: a replica whose volume is at fault starts, says so, and is not ready. */
export function openLedger(config: Config, log: Logger, metrics: Metrics): Ledger {
  return sqliteLedger({
    path: config.ledger.path,
    log,
    observer: metrics.ledger,
  });
}

/** Opens the ledger and tells what an earlier process may have signed, before this one signs anything. Never rejects. */
export async function recover(
  { ledger, log, metrics, draining }: Base,
  clock: Clock,
  step: Step | undefined,
): Promise<void> {
  await step?.('start/recover');
  await reportUnresolved({
    ledger,
    log,
    onUnresolved: (intents) => metrics.ledger.unresolved(intents),
    now: () => clock.wall(),
    signal: draining,
  });
}

export function observe<T>(
  { client, log, metrics, draining }: Base,
  resource: Resource,
  transform: (raw: AnyObject & T) => T | undefined,
  selection: ListOptions = {},
): Followed<T> {
  const observer = metrics.kube.reflector(resource.plural);
  return follow<T>({ ...selection, client, resource, transform, log, observer, signal: draining });
}

export function queueOf(
  { metrics, log }: Base,
  name: string,
  options: Pick<WorkQueueOptions, 'relist' | 'laneOf' | 'backoff'> = {},
): WorkQueue {
  return new WorkQueue({
    ...options,
    observer: metrics.controllers.queue(name),
    log: log.child({ controller: name }),
  });
}

export function run(
  base: Base,
  name: string,
  queue: WorkQueue,
  pace: Pick<ControllerOptions<string>, 'concurrency' | 'startsPerTurn' | 'timeoutMs'>,
  reconcile: Reconcile<string>,
): Promise<void> {
  const { log, metrics, draining: signal, config } = base;
  const drainMs = config.drainSeconds * 1000;
  return startController({
    name,
    queue,
    reconcile,
    ...pace,
    log,
    observer: metrics.controllers,
    signal,
    drainMs,
  }).done;
}

export function elect(
  { client, config, log, metrics, ending }: Base,
  onElected: () => void,
  onDeposed: () => void,
): LeaderElection {
  const { leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds } = config.leaderElection;
  return startLeaderElection({
    client,
    namespace: config.namespace,
    name: 'mangrove-leader',
    identity: config.replica,
    leaseDurationMs: leaseDurationSeconds * 1000,
    renewDeadlineMs: renewDeadlineSeconds * 1000,
    retryMs: retryPeriodSeconds * 1000,
    log,
    onChange(leading) {
      metrics.kube.leading(leading);
      if (leading) onElected();
      else onDeposed();
    },
    signal: ending,
  });
}
