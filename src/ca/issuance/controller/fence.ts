import { MangroveError } from '#errors/error.ts';
import type { Clock } from '#kube/clock.ts';
import { ageOf, type Moment, momentOf } from '#kube/lease.ts';

/** What lets a replica sign: a read of the authorities that the API server answered, whole and consistent, not long ago. */
export interface Confirmation {
  /** When the read was sent. */
  readonly sent: Moment;
  readonly boundMs: number;
}

/**
 * Between a replica and its keys. Somebody else may have changed or tainted the authority while this replica was cut off,
 * stopped or asleep; it cannot know, so it stops by itself once its last confirmation is too old.
 */
export interface Fence {
  /** To be called before the read that confirms is sent: its age counts from here. */
  mark(): Moment;
  allows(confirmation: Confirmation): boolean;
  /** @throws MangroveError CA_NOT_CONFIRMED, CA_CLOCK_SKEWED, both retryable. */
  require(confirmation: Confirmation): void;
}

/** Beyond it no date of a certificate, and no age of a confirmation, can be believed. */
const maxSkewSeconds = 120;

/** @param skewSeconds of the wall clock against the API server's; undefined before its first answer. */
export function createFence(clock: Clock, skewSeconds: () => number | undefined): Fence {
  function fault({ sent, boundMs }: Confirmation): MangroveError | undefined {
    const skew = skewSeconds();
    if (skew === undefined || Math.abs(skew) > maxSkewSeconds) {
      const found = skew === undefined ? 'is unknown' : `differs by ${Math.round(skew)} s`;
      return new MangroveError(
        'CA_CLOCK_SKEWED',
        `this clock ${found} against the API server's; the most is ${maxSkewSeconds} s`,
      );
    }
    const age = ageOf(sent, clock);
    if (age <= boundMs) return undefined;
    return new MangroveError(
      'CA_NOT_CONFIRMED',
      `last confirmed ${Math.round(age / 1000)} s ago; the bound is ${boundMs / 1000} s`,
    );
  }

  return {
    mark: () => momentOf(clock),
    allows: (confirmation) => fault(confirmation) === undefined,
    require(confirmation) {
      const found = fault(confirmation);
      if (found !== undefined) throw found;
    },
  };
}
