import { backoffDelay } from '#kube/backoff.ts';

/** Whoever takes finalizers away may do so each time: the first loss is noticed soon, and one after another later and later. */
const mostMs = 15_000;
const peaceMs = 10 * 60_000;

/** TrustBundles that somebody has taken a finalizer from by hand, and how soon each is looked at for that. */
export interface LetGo {
  /** Ms until the look that this loss is worth. */
  paceMs(name: string): number;
  forget(name: string): void;
}

/**
 * @param baseMs of a first loss
 * @param now monotonic ms
 */
export function createLetGo(baseMs: number, now: () => number): LetGo {
  const losses = new Map<string, { readonly count: number; readonly at: number }>();
  return {
    paceMs(name) {
      const last = losses.get(name);
      const count = last === undefined || now() - last.at > peaceMs ? 1 : last.count + 1;
      losses.set(name, { count, at: now() });
      return backoffDelay(count, { baseMs, maxMs: mostMs }, () => 1);
    },
    forget: (name) => void losses.delete(name),
  };
}
