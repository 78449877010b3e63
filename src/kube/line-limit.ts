/** A thousand objects that fail for one reason are told of once and counted: a log that is flooded hides the next fault. */
export interface LineLimit {
  /** Whether there is room for one more line of this kind now, and how many there was none for since the last one that was told. */
  take(kind: string): { readonly told: boolean; readonly untold: number };
}

export interface LineLimitOptions {
  /** Lines of one kind in one window. */
  readonly lines: number;
  readonly windowMs: number;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Kinds are few, such as error codes: each is remembered for ever. */
export function createLineLimit({ lines, windowMs, now }: LineLimitOptions): LineLimit {
  const windows = new Map<string, { ends: number; left: number; untold: number }>();
  return {
    take(kind) {
      const window = windows.get(kind) ?? { ends: 0, left: 0, untold: 0 };
      windows.set(kind, window);
      if (now() >= window.ends) {
        window.ends = now() + windowMs;
        window.left = lines;
      }
      if (window.left === 0) {
        window.untold++;
        return { told: false, untold: window.untold };
      }
      window.left--;
      const { untold } = window;
      window.untold = 0;
      return { told: true, untold };
    },
  };
}
