import type { OrderBook } from '#bundles/controller/placement/order-book.ts';
import type { PlacementKind } from '#bundles/target/named-target.ts';
import { hasten } from '#bundles/target/placement.ts';
import type { ErrorCode } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { Clock } from '#kube/clock.ts';

export interface RecoveryOptions {
  readonly book: Pick<OrderBook, 'list' | 'sweep'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly random: () => number;
  readonly later: (ms: number, task: () => void) => Promise<void>;
}

/** What one namespace is refused for is often over for all of them at once: when one is served again, the others need not wait. */
export interface Recovery {
  /** One of that kind failed with that code, and does not any more. */
  note(kind: PlacementKind, code: ErrorCode): void;
}

/** Those that failed alike come again together, however many are served in the meantime. */
interface Wave {
  isComing: boolean;
  /** In a row without peace between them. */
  count: number;
  /** Monotonic ms of the last one. */
  at: number;
}

const shared: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode | undefined>([
  'BUNDLE_TARGET_FORBIDDEN',
  'BUNDLE_TARGET_UNAVAILABLE',
]);

/** A server that sheds load serves one and refuses the next: all at once, again and again, would be what it sheds. */
const pace = { baseMs: 250, maxMs: 30_000 };
const peaceMs = 60_000;

export function isShared(code: ErrorCode | undefined): code is ErrorCode {
  return shared.has(code);
}

export function createRecovery({ book, clock, random, later }: RecoveryOptions): Recovery {
  /** By kind and code. */
  const waves = new Map<string, Wave>();

  /** False when none failed with that code. */
  function hastenAlike(kind: PlacementKind, code: ErrorCode): boolean {
    let some = false;
    for (const order of book.list()) {
      if (order.order.target.kind !== kind) continue;
      const alike = [...order.placements.values()].filter(
        ({ error, tried }) => error?.code === code && tried !== undefined,
      );
      for (const placement of alike) hasten(placement);
      if (alike.length > 0) book.sweep(order);
      some ||= alike.length > 0;
    }
    return some;
  }

  return {
    note(kind, code) {
      const id = `${kind} ${code}`;
      const wave = waves.get(id) ?? { isComing: false, count: 0, at: 0 };
      if (wave.isComing) return;
      const isPeace = clock.monotonic() - wave.at > peaceMs;
      wave.count = isPeace ? 1 : wave.count + 1;
      wave.isComing = true;
      waves.set(id, wave);
      void later(backoffDelay(wave.count, pace, random), () => {
        wave.isComing = false;
        wave.at = clock.monotonic();
        if (!hastenAlike(kind, code)) waves.delete(id);
      });
    },
  };
}
