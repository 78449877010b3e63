import { checkAuthorities } from './check-authorities.ts';
import { checkDeliveries } from './check-deliveries.ts';
import { checkPlaced } from './check-placed.ts';
import { checkPublished } from './check-published.ts';
import { checkRecords } from './check-records.ts';
import { checkSecrecy, checkSettled } from './check-settled.ts';
import { checkWrites } from './check-writes.ts';
import type { Evidence } from './evidence.ts';

/** Every invariant, judged from outside; a sentence for each that was broken. */
export function violations(evidence: Evidence): string[] {
  const always = [
    checkAuthorities,
    checkPublished,
    checkPlaced,
    checkDeliveries,
    checkRecords,
    checkWrites,
    checkSecrecy,
  ];
  const checks = evidence.settled ? [...always, checkSettled] : always;
  return checks.flatMap((check) => [...check(evidence)]);
}
