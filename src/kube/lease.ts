import { type Clock, pause } from '#kube/clock.ts';
import type { Lease, LeaseSpec } from '#kube/object.ts';

/** Both clocks at one moment. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.wall(), monotonic: clock.monotonic() };
}

/**
 * Ms since `moment`, by the clock on which more has passed: the monotonic one stands still while a machine sleeps, the
 * wall clock may be set back. For one's own right to act, where too old is safe.
 */
export function ageOf(moment: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - moment.monotonic, clock.wall() - moment.wall);
}

/** What another holder wrote, and when we first saw it. */
export interface Sighting {
  readonly record: string;
  /** Monotonic ms. */
  readonly since: number;
}

/**
 * Keeps the time at which the Lease's value was last seen to change. Its own timestamps are by somebody else's clock and prove
 * nothing; that it stood still for so long while we looked does.
 */
export function sight(previous: Sighting | undefined, lease: Lease, clock: Clock): Sighting {
  const record = recordOf(lease.spec ?? {});
  if (previous?.record === record) return previous;
  return { record, since: clock.monotonic() };
}

/** Stood still for as long as its holder, or we, would wait: the longer of the two. */
export function isExpired(sighting: Sighting, lease: Lease, leaseMs: number, clock: Clock): boolean {
  const theirs = (lease.spec?.leaseDurationSeconds ?? 0) * 1_000;
  return clock.monotonic() - sighting.since >= Math.max(theirs, leaseMs);
}

function recordOf(spec: LeaseSpec): string {
  return JSON.stringify([
    spec.holderIdentity,
    spec.leaseDurationSeconds,
    spec.acquireTime,
    spec.renewTime,
    spec.leaseTransitions,
  ]);
}

/** Calls `task` at once and then every `intervalMs` until the signal aborts. It must not throw. */
export async function repeat(
  intervalMs: () => number,
  signal: AbortSignal,
  task: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await task();
    await pause(intervalMs(), signal);
  }
}
