import { setTimeout as wait } from 'node:timers/promises';

/** Both in milliseconds. Intervals are measured on `monotonic`, which does not count the time that a machine sleeps. */
export interface Clock {
  /** Since the epoch; may jump. */
  wall(): number;
  /** Since some fixed moment; never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Waits, or returns early (without throwing) when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
