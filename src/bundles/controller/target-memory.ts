import { targetFailure } from '#bundles/controller/failure.ts';
import type { MangroveError } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { Clock } from '#kube/clock.ts';

/** What is remembered of a target between two attempts; in memory only, for losing it costs one read. */
export interface TargetMemory {
  /** UID of the object that was ours when last seen. */
  knownUid: string | undefined;
  /** Hash that the target was last seen to hold, and when: wall clock, ms. */
  hash: string | undefined;
  verifiedAt: number | undefined;
  error: MangroveError | undefined;
  /** In a row. */
  failures: number;
  /** Of foreign edits, in a row without an hour's peace between them. */
  repairs: number;
  repairedAt: number;
  /** Monotonic ms before which nothing is tried, while the wish stays the same. */
  notBefore: number;
  wish: string | undefined;
}

/** What the pace of tries is measured by. */
export interface Pace {
  readonly clock: Clock;
  readonly random: () => number;
}

/** A failure is tried again after this, doubled each time: permissions that come back are noticed within the maximum. */
const failurePace = { baseMs: 250, maxMs: 30_000 };
/** The first repair is made at once. Who edits again and again meets a slower and slower repair, not an endless race. */
const repairPace = { baseMs: 200, maxMs: 10_000 };
const peaceMs = 60_000;

export function newTargetMemory(): TargetMemory {
  return {
    knownUid: undefined,
    hash: undefined,
    verifiedAt: undefined,
    error: undefined,
    failures: 0,
    repairs: 0,
    repairedAt: Number.NEGATIVE_INFINITY,
    notBefore: 0,
    wish: undefined,
  };
}

/** The object or the API changed, so a failure may be over; only a race with another writer keeps its pace. */
export function hasten(memory: TargetMemory): void {
  if (memory.error !== undefined && memory.error.code !== 'BUNDLE_TARGET_ALTERED') memory.notBefore = 0;
}

export function noteVerified(hash: string, memory: TargetMemory, { clock }: Pick<Pace, 'clock'>): void {
  memory.hash = hash;
  memory.verifiedAt = clock.wall();
  memory.error = undefined;
  memory.failures = 0;
  if (clock.monotonic() - memory.repairedAt > peaceMs) memory.repairs = 0;
}

export function noteRepair(memory: TargetMemory, { clock, random }: Pace): void {
  memory.repairs += 1;
  memory.repairedAt = clock.monotonic();
  if (memory.repairs === 1) return;
  memory.notBefore = clock.monotonic() + backoffDelay(memory.repairs - 1, repairPace, random);
}

export function noteFailure(
  target: string,
  error: unknown,
  memory: TargetMemory,
  { clock, random }: Pace,
): void {
  memory.error = targetFailure(target, error);
  memory.failures += 1;
  memory.notBefore = clock.monotonic() + backoffDelay(memory.failures, failurePace, random);
}
