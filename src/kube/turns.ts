/** Lets so many through in one turn of the event loop, and the rest, in their order, in the turns that follow. */
export interface Turns {
  /** Undefined: at once. */
  next(): Promise<void> | undefined;
}

export function createTurns(perTurn: number): Turns {
  const waiting: (() => void)[] = [];
  let left = perTurn;
  let scheduled = false;

  function begin(): void {
    scheduled = false;
    left = perTurn;
    for (const go of waiting.splice(0, perTurn)) enter(go);
  }

  /** The next turn gives back what this one took. */
  function enter(go?: () => void): void {
    left--;
    if (!scheduled) setImmediate(begin);
    scheduled = true;
    go?.();
  }

  return {
    next() {
      if (left === 0 || waiting.length > 0) return new Promise((resolve) => waiting.push(resolve));
      enter();
      return undefined;
    },
  };
}
