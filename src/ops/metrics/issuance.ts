import type { Instruments } from '#ops/metrics/instrument.ts';

export type IssuanceOutcome = 'issued' | 'refused';

/** What one front door reports of the certificates that are asked of it. */
export interface FrontDoorMetrics {
  /** An answer was written; `reason` is Issued or the reason of the refusal. */
  answered(outcome: IssuanceOutcome, reason: string, seconds: number): void;
  /** A fault on our side; the request waits to be tried again. */
  postponed(reason: string): void;
  /** Answered here because the replica that should have did not. */
  takenOver(): void;
}

export interface IssuanceMetrics {
  /** `pending`: requests that wait for an answer of ours, asked at each scrape. */
  frontDoor(name: string, pending: () => number): FrontDoorMetrics;
  /** A leaf was signed and thrown away because it came too late; the ledger remembers it. */
  discarded(): void;
}

export function issuanceMetrics(instruments: Instruments): IssuanceMetrics {
  const answers = instruments.counter(
    'issuance_total',
    'Certificate requests answered: issued, refused (the requester must change something) or postponed (our fault, tried again), with the reason.',
    ['front_door', 'outcome', 'reason'],
  );
  const seconds = instruments.histogram(
    'issuance_seconds',
    'Seconds from taking up a certificate request to its written answer, by front door and outcome.',
    ['front_door', 'outcome'],
  );
  const backlogs = instruments.readings(
    'signing_requests_pending',
    'Certificate requests that are ours to answer and have no answer yet.',
    'front_door',
  );
  const discards = instruments.counter(
    'issuance_discarded_total',
    'Leaves that were signed but never handed out, because the right to sign had run out meanwhile.',
  );
  const takeOvers = instruments.counter(
    'requests_taken_over_total',
    'Certificate requests answered here because the replica that should have answered lives, but did not.',
    ['front_door'],
  );
  return {
    frontDoor(front_door, pending) {
      answers.inc({ front_door, outcome: 'issued', reason: 'Issued' }, 0);
      backlogs.set(front_door, pending);
      takeOvers.inc({ front_door }, 0);
      return {
        answered(outcome, reason, duration) {
          answers.inc({ front_door, outcome, reason });
          seconds.observe({ front_door, outcome }, duration);
        },
        postponed: (reason) => answers.inc({ front_door, outcome: 'postponed', reason }),
        takenOver: () => takeOvers.inc({ front_door }),
      };
    },
    discarded: () => discards.inc(),
  };
}
