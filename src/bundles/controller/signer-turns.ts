/** Creations under one signer name, one after the other: two that look at the same moment would both see nobody there. */
export interface SignerTurns {
  take<T>(signerName: string, create: () => Promise<T>): Promise<T>;
}

export function createSignerTurns(): SignerTurns {
  /** Signer name → the end of its last turn, whatever came of it. */
  const ends = new Map<string, Promise<void>>();
  return {
    take(signerName, create) {
      const turn = (ends.get(signerName) ?? Promise.resolve()).then(create);
      const end = turn.then(ended, ended);
      ends.set(signerName, end);
      return turn;

      function ended(): void {
        if (ends.get(signerName) === end) ends.delete(signerName);
      }
    },
  };
}
