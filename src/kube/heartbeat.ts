import type { Logger } from 'pino';
import { errorCode, errorMessage } from '#errors/error.ts';
import { jittered } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { ignoreNotFound, isAlreadyExists, isConflict, isNotFound } from '#kube/error.ts';
import { repeat } from '#kube/lease.ts';
import { formatMicroTime } from '#kube/micro-time.ts';
import type { Lease, LeaseSpec } from '#kube/object.ts';
import { leases } from '#kube/resource.ts';

export type Annotations = Readonly<Record<string, string>>;

export interface HeartbeatOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease object, one for each replica. */
  readonly name: string;
  /** Of the replica. */
  readonly identity: string;
  /** To find the Leases of all replicas by. */
  readonly labels: Readonly<Record<string, string>>;
  /** What this replica reports, set over what stands there already; `current` is what it, or the process before it, reported last. */
  readonly annotations: (current: Annotations) => Annotations | Promise<Annotations>;
  /** Default 10 s. */
  readonly intervalMs?: number;
  /** After which others may call the replica silent; default 40 s. */
  readonly leaseDurationMs?: number;
  readonly log: Logger;
  readonly observer?: HeartbeatObserver;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface HeartbeatObserver {
  beat?(): void;
  /** `code` is an error code. */
  failed?(code: string): void;
}

export interface Heartbeat {
  /** Reports now, once more than the regular beats. Throws KubeError. */
  beat(): Promise<void>;
  readonly done: Promise<void>;
}

/**
 * Renews one Lease, making it when it is missing, until the signal aborts. It is never deleted here: what it says of the certificates
 * that this replica signed must outlive the replica.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const {
    client,
    namespace,
    name,
    signal,
    clock = systemClock,
    random = Math.random,
    observer = {},
  } = options;
  const { intervalMs = 10_000, leaseDurationMs = 40_000 } = options;
  const log = options.log.child({ lease: `${namespace}/${name}` });
  /** As the API server has it; undefined: read first. */
  let known: Lease | undefined;
  let last = Promise.resolve();

  async function next(lease: Lease | undefined): Promise<Lease> {
    const now = formatMicroTime(clock.wall());
    const spec: LeaseSpec = {
      ...lease?.spec,
      holderIdentity: options.identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1_000),
      renewTime: now,
    };
    const current = lease?.metadata.annotations ?? {};
    return {
      metadata: {
        ...lease?.metadata,
        namespace,
        name,
        labels: { ...lease?.metadata.labels, ...options.labels },
        annotations: { ...current, ...(await options.annotations(current)) },
      },
      spec: { acquireTime: now, ...spec },
    };
  }

  function read(): Promise<Lease | undefined> {
    return client.get<Lease>(leases, name, { namespace, signal, urgent: true }).catch(ignoreNotFound);
  }

  async function write(): Promise<void> {
    const lease = known ?? (await read());
    // Whatever becomes of this write, only its answer says what stands there.
    known = undefined;
    known = await (lease === undefined
      ? client.create(leases, await next(undefined), { signal, urgent: true })
      : client.update(leases, await next(lease), { signal, urgent: true }));
  }

  async function beat(): Promise<void> {
    try {
      await write();
    } catch (error) {
      // Deleted, or written by somebody else, since we last saw it.
      if (!isConflict(error) && !isNotFound(error) && !isAlreadyExists(error)) throw error;
      await write();
    }
    observer.beat?.();
  }

  /** One at a time: two at once would only conflict with each other. */
  function queued(): Promise<void> {
    const result = last.then(beat);
    last = result.catch(() => undefined);
    return result;
  }

  async function regular(): Promise<void> {
    try {
      await queued();
    } catch (error) {
      if (signal.aborted) return;
      const code = errorCode(error) ?? 'INTERNAL';
      observer.failed?.(code);
      log.warn({ code, error: errorMessage(error) }, 'the heartbeat was not written');
    }
  }

  return {
    beat: queued,
    done: repeat(() => jittered(intervalMs, random), signal, regular),
  };
}
