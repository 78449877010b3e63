import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import { describePlace } from '#bundles/controller/placement/read.ts';
import type { Verdict } from '#bundles/target/claim.ts';
import type { Placement } from '#bundles/target/placement.ts';
import { type ErrorCode, MangroveError } from '#errors/error.ts';

const conflicted: ErrorCode = 'BUNDLE_TARGET_CONFLICTED';

/**
 * False when another TrustBundle publishes there, which becomes the error of the placement; who else names the object is noted.
 * @param verdict undefined when nobody else does
 */
export function isOurs(open: OpenOrder, placement: Placement, verdict: Verdict | undefined): boolean {
  const { target, owner } = open.order;
  for (const rival of verdict === undefined ? [] : [verdict.winner, ...verdict.losers]) {
    if (rival !== owner) open.rivals.add(rival);
  }
  if (verdict === undefined || verdict.winner === owner) {
    if (placement.error?.code === conflicted) placement.error = undefined;
    return true;
  }
  const where = describePlace({ ...target, namespace: placement.namespace });
  placement.error = new MangroveError(
    conflicted,
    `${where} is published by the older TrustBundle ${verdict.winner}`,
  );
  return false;
}
