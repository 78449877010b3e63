import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import { jittered } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { ignoreNotFound, isAlreadyExists, isConflict, isNotFound } from '#kube/error.ts';
import { ageOf, isExpired, type Moment, momentOf, repeat, type Sighting, sight } from '#kube/lease.ts';
import { formatMicroTime } from '#kube/micro-time.ts';
import type { Lease, LeaseSpec } from '#kube/object.ts';
import { leases } from '#kube/resource.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease object. */
  readonly name: string;
  /** Of this replica. A random part is added, so that a process never takes its dead predecessor's term for its own. */
  readonly identity: string;
  /** Others may take the Lease once it stood still for this long; default 15 s. */
  readonly leaseDurationMs?: number;
  /** This replica stops leading when its last renewal is this old; must be shorter; default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between renewals, and between looks at another's Lease; default 2 s. */
  readonly retryMs?: number;
  readonly log: Logger;
  /** Called when leadership begins and when it ends. */
  readonly onChange?: (leading: boolean) => void;
  /** Aborted once what a leader does has ended: the Lease is then given up, for the next one to take at once. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface LeaderElection {
  /**
   * Whether this replica may act as the leader now. Turns false by the mere passing of time, before any other replica can
   * have taken over (as long as clocks run at about the same rate). Ask it right before each act.
   */
  isLeader(): boolean;
  /** What stands in the Lease while this replica leads. */
  readonly identity: string;
  /** Who was last seen to hold the Lease. */
  holder(): string | undefined;
  /** When the signal has aborted and the Lease was given up. */
  readonly done: Promise<void>;
}

interface Term {
  /** When the renewal that proves it was sent, not answered. */
  readonly renewed: Moment;
  /** As the API server has it. */
  readonly lease: Lease;
}

/** Takes part in the election until the signal aborts. Throws KUBE_CONFIG_INVALID for durations that could make two leaders. */
export function startLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, namespace, name, signal, clock = systemClock, random = Math.random } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryMs = 2_000 } = options;
  if (!(retryMs < renewDeadlineMs && renewDeadlineMs < leaseDurationMs)) {
    throw new MangroveError(
      'KUBE_CONFIG_INVALID',
      `leader election wants retry < renew deadline < lease duration, got ${retryMs}, ${renewDeadlineMs}, ${leaseDurationMs} ms`,
    );
  }
  const identity = `${options.identity}_${randomUUID()}`;
  const log = options.log.child({ lease: `${namespace}/${name}`, identity });
  /** A request that hangs must not cost the next try its chance to come before the deadline. */
  const bounded = { signal, timeoutMs: renewDeadlineMs / 2, urgent: true };
  let term: Term | undefined;
  let sighting: Sighting | undefined;
  let holder: string | undefined;
  let expiry: NodeJS.Timeout | undefined;
  let told = false;

  function isLeader(): boolean {
    return term !== undefined && !signal.aborted && ageOf(term.renewed, clock) < renewDeadlineMs;
  }

  /** Says so to `onChange`, once per change, also when leadership ended by time alone. */
  function tell(): void {
    clearTimeout(expiry);
    const leading = isLeader();
    if (leading && term !== undefined) {
      expiry = setTimeout(tell, Math.max(renewDeadlineMs - ageOf(term.renewed, clock), 1));
    }
    if (leading === told) return;
    told = leading;
    log.info({ leading, holder }, leading ? 'leading' : 'no longer leading');
    try {
      options.onChange?.(leading);
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'a listener failed on the change of leadership');
    }
  }

  function lead(lease: Lease, renewed: Moment): void {
    term = { renewed, lease };
    holder = identity;
  }

  function spec(previous: LeaseSpec | undefined): LeaseSpec {
    const now = formatMicroTime(clock.wall());
    const mine = previous?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1_000),
      acquireTime: mine ? (previous.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (previous?.leaseTransitions ?? 0) + (mine || previous === undefined ? 0 : 1),
    };
  }

  /** Every write carries the version that was read, so of two who try at once one gets a conflict. */
  async function write(lease: Lease): Promise<void> {
    const sent = momentOf(clock);
    const next = { ...lease, spec: spec(lease.spec) };
    lead(await client.update(leases, next, bounded), sent);
  }

  async function create(): Promise<void> {
    const sent = momentOf(clock);
    lead(
      await client.create(leases, { metadata: { namespace, name }, spec: spec(undefined) }, bounded),
      sent,
    );
  }

  function read(): Promise<Lease | undefined> {
    return client.get<Lease>(leases, name, { namespace, ...bounded }).catch(ignoreNotFound);
  }

  async function takeOrRenew(): Promise<void> {
    if (term !== undefined) {
      const { lease } = term;
      try {
        await write(lease);
        return;
      } catch (error) {
        // Somebody wrote since: look who holds it now. Any other fault leaves the term to its time.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    }
    const lease = await read();
    if (lease === undefined) {
      term = undefined;
      await create();
      return;
    }
    sighting = sight(sighting, lease, clock);
    holder = lease.spec?.holderIdentity;
    const mine = holder === identity;
    if (!mine) term = undefined;
    if (mine || holder === undefined || holder === '' || isExpired(sighting, lease, leaseDurationMs, clock)) {
      await write(lease);
    }
  }

  async function tick(): Promise<void> {
    try {
      await takeOrRenew();
    } catch (error) {
      const lost = isConflict(error) || isAlreadyExists(error);
      if (lost) term = undefined;
      if (!signal.aborted) {
        const level = lost ? 'debug' : 'warn';
        log[level](
          { code: errorCode(error), error: errorMessage(error) },
          'the lease was not taken or renewed',
        );
      }
    }
    tell();
  }

  async function release(): Promise<void> {
    tell();
    clearTimeout(expiry);
    if (term === undefined) return;
    const now = formatMicroTime(clock.wall());
    const { lease } = term;
    const released: LeaseSpec = {
      ...lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: now,
    };
    try {
      await client.update(leases, { ...lease, spec: released }, { timeoutMs: retryMs, urgent: true });
      log.info('the lease was given up');
    } catch (error) {
      log.warn(
        { code: errorCode(error), error: errorMessage(error) },
        'the lease was not given up; others wait for it to expire',
      );
    }
  }

  signal.addEventListener('abort', tell, { once: true });
  return {
    isLeader,
    identity,
    holder: () => holder,
    done: repeat(() => jittered(retryMs, random), signal, tick).then(release),
  };
}
