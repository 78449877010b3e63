import { expect } from 'vitest';
import type { WorkQueue } from '#kube/work-queue.ts';

/** Works on the keys of a queue in any order, and keeps what the queue owes. */
export interface QueueWorker {
  /** Keys that were handed out and not given back. */
  readonly running: string[];
  /** Keys whose last add came after their last hand-out: each must be handed out again. */
  readonly owed: Set<string>;
  /** Fails when the key is being worked on already. */
  readonly take: () => Promise<void>;
  /** Gives the key at this place of `running` back, if there is one. */
  readonly finish: (at: number) => void;
  readonly finishAll: () => void;
}

export function queueWorker(queue: WorkQueue): QueueWorker {
  const running: string[] = [];
  const owed = new Set<string>();
  return {
    running,
    owed,
    async take() {
      const taken = await queue.get();
      if (taken === undefined) throw new Error('not shut down');
      expect(running).not.toContain(taken);
      running.push(taken);
      owed.delete(taken);
    },
    finish(at) {
      for (const key of running.splice(at, 1)) queue.done(key);
    },
    finishAll() {
      for (const key of running.splice(0)) queue.done(key);
    },
  };
}
