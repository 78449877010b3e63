import { shortened } from '#bundles/source/filter.ts';
import type { Channels, Promotion } from '#bundles/target/channels.ts';
import { advice, errorRow } from '#errors/error.ts';
import { findCondition } from '#kube/condition.ts';
import type { Condition } from '#kube/object.ts';

/** What a reconcile says of a condition. */
export type Told = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const type = 'Promoted';

/** The condition Promoted, on a TrustBundle that asks for promotions or has. */
export function promotionTold({ promotion }: Channels, known: readonly Condition[]): Told[] {
  switch (promotion.state) {
    case 'unasked': {
      if (findCondition(known, type) === undefined) return [];
      const message = 'spec.promoted is absent: every target holds what the sources give.';
      return [{ type, status: 'True', reason: 'Promoted', message }];
    }
    case 'promoted':
      return [
        { type, status: 'True', reason: 'Promoted', message: 'Every target holds what the sources give.' },
      ];
    case 'pending':
      return [{ type, status: 'False', reason: 'PromotionPending', message: describePending(promotion) }];
    case 'unread':
    case 'refused': {
      const { error, state } = promotion;
      const status = state === 'unread' ? 'Unknown' : 'False';
      return [{ type, status, reason: errorRow(error).reason, message: advice(error) }];
    }
    default:
      return promotion satisfies never;
  }
}

/** What an operator looks at before the promotion. */
export function describePending({ joining, leaving }: Extract<Promotion, { state: 'pending' }>): string {
  const named = (what: string, anchors: typeof joining): string =>
    `${anchors.length} ${anchors.length === 1 ? 'root' : 'roots'} would ${what}${anchors.length === 0 ? '' : `: ${shortened(anchors.map(({ sha256 }) => sha256))}`}`;
  return `${named('join', joining)}; ${named('leave', leaving)}. Set spec.promoted to status.hash to promote.`;
}
