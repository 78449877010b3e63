import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import { backoffDelay } from '#kube/backoff.ts';

/**
 * So soon a TrustBundle that could not be held is looked at again, and later each time: what takes its finalizer away may do so for as
 * long as it likes.
 */
const pace = { baseMs: 100, maxMs: 30_000 };

/** There is no more to be found out until it is held. */
export function isStopped({ order, awaitsHold }: OpenOrder): boolean {
  return awaitsHold && !order.held;
}

/**
 * Something of it could be written, were it held. True when that is news.
 * @param now monotonic ms
 */
export function awaitHold(open: OpenOrder, now: number): boolean {
  if (open.order.held || open.awaitsHold) return false;
  open.awaitsHold = true;
  open.unheld += 1;
  open.unheldUntil = now + backoffDelay(open.unheld, pace, () => 1);
  return true;
}

/**
 * Its TrustBundle was asked to be held, and has said what it wants: what is to be done is found out anew, but not before its time when that
 * came to nothing.
 * @param now monotonic ms
 */
export function renewHold(open: OpenOrder, now: number): void {
  if (open.order.held) open.unheld = 0;
  else if (now < open.unheldUntil) return;
  open.awaitsHold = false;
}

/** Ms until its TrustBundle is to be looked at by whoever can hold it; undefined when it need not be. */
export function holdMs({ awaitsHold, unheldUntil }: OpenOrder, now: number): number | undefined {
  return awaitsHold ? Math.max(0, unheldUntil - now) : undefined;
}
