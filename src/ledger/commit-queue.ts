import type { Logger } from 'pino';
import { type ErrorCode, MangroveError } from '#errors/error.ts';
import { type BatchBuilder, createBatch, type Write } from '#ledger/batch.ts';
import type { LedgerObserver } from '#ledger/ledger.ts';
import { errorOf, type Read, type ReadValue, type StoreReply } from '#ledger/message.ts';
import type { StoreThread } from '#ledger/store-thread.ts';

export interface CommitQueueOptions {
  readonly thread: StoreThread;
  readonly log: Logger | undefined;
  readonly observer: LedgerObserver | undefined;
  readonly maxWaiting: number;
  readonly timeoutMs: number;
}

/** Group commit: whatever arrives while a commit is under way shares the next one, and its one fsync. */
export interface CommitQueue {
  readonly write: (write: Write) => Promise<void>;
  readonly read: (read: Read) => Promise<ReadValue>;
  /** Refuses new requests, waits for those that it has, stops the thread. */
  readonly close: () => Promise<void>;
}

/** Requests that go to the store together. */
interface Group {
  readonly batch: BatchBuilder;
  readonly writers: PromiseWithResolvers<void>[];
  readonly reads: Read[];
  readonly readers: PromiseWithResolvers<ReadValue>[];
}

export function createCommitQueue(options: CommitQueueOptions): CommitQueue {
  const { thread, log, observer, maxWaiting, timeoutMs } = options;
  let waiting = emptyGroup();
  let underWay: Group | undefined;
  let scheduled = false;
  /** Set while a commit has not come back in time: what it blocks fails at once instead of piling up. */
  let stalled: MangroveError | undefined;
  let closing: PromiseWithResolvers<void> | undefined;
  let closed: Promise<void> | undefined;

  function refusal(): MangroveError | undefined {
    if (closing !== undefined) return new MangroveError('LEDGER_CLOSED', 'the ledger is closed');
    if (stalled !== undefined) return stalled;
    if (sizeOf(waiting) + sizeOf(underWay) < maxWaiting) return undefined;
    return new MangroveError('LEDGER_BUSY', `${maxWaiting} requests wait for the ledger already`);
  }

  function schedule(): void {
    if (scheduled || underWay !== undefined) return;
    scheduled = true;
    // Not at once: callers that the last commit woke are about to come back, and should share this one.
    setImmediate(() => {
      scheduled = false;
      void exchange();
    });
  }

  async function exchange(): Promise<void> {
    const group = waiting;
    underWay = group;
    waiting = emptyGroup();
    const timer = setTimeout(stall, timeoutMs);
    try {
      const batch = group.batch.size() === 0 ? undefined : group.batch.pack();
      settle(group, await thread.exchange({ batch, reads: group.reads }));
    } catch (error) {
      fail(group, error);
    } finally {
      clearTimeout(timer);
      stalled = undefined;
      underWay = undefined;
      if (sizeOf(waiting) > 0) schedule();
      else closing?.resolve();
    }
  }

  function stall(): void {
    stalled = new MangroveError(
      'LEDGER_TIMEOUT',
      `a commit to the ledger has not come back for ${timeoutMs} ms`,
    );
    const blocked = waiting;
    waiting = emptyGroup();
    if (underWay !== undefined) fail(underWay, stalled);
    fail(blocked, stalled);
  }

  function settle(group: Group, reply: StoreReply): void {
    if (reply.fault !== undefined) {
      report(reply.fault.code, reply.fault.message);
      rejectAll(group.writers, errorOf(reply.fault));
    } else {
      for (const { index, code, message } of reply.refusals) {
        group.writers[index]?.reject(new MangroveError(code, message));
      }
      // Settling twice does nothing: those refused above stay refused.
      for (const writer of group.writers) writer.resolve();
      if (group.writers.length > 0) observer?.committed(group.writers.length, reply.seconds, sizeOf(waiting));
    }
    for (const [index, answer] of reply.answers.entries()) {
      if ('value' in answer) group.readers[index]?.resolve(answer.value);
      else group.readers[index]?.reject(errorOf(answer.fault));
    }
  }

  function fail(group: Group, error: unknown): void {
    const code = error instanceof MangroveError ? error.code : 'LEDGER_UNAVAILABLE';
    if (sizeOf(group) > 0) report(code, String(error));
    rejectAll(group.writers, error);
    rejectAll(group.readers, error);
  }

  function report(code: ErrorCode, message: string): void {
    observer?.failed(code);
    log?.error({ code }, message);
  }

  async function shutDown(): Promise<void> {
    closing = Promise.withResolvers();
    if (underWay === undefined && !scheduled) closing.resolve();
    const patience = setTimeout(() => closing?.resolve(), timeoutMs);
    await closing.promise;
    clearTimeout(patience);
    await thread.stop(timeoutMs);
  }

  return {
    write(write) {
      const refused = refusal();
      if (refused !== undefined) return Promise.reject(refused);
      waiting.batch.add(write);
      const writer = Promise.withResolvers<void>();
      waiting.writers.push(writer);
      schedule();
      return writer.promise;
    },
    read(read) {
      const refused = refusal();
      if (refused !== undefined) return Promise.reject(refused);
      waiting.reads.push(read);
      const reader = Promise.withResolvers<ReadValue>();
      waiting.readers.push(reader);
      schedule();
      return reader.promise;
    },
    close: () => (closed ??= shutDown()),
  };
}

function emptyGroup(): Group {
  return { batch: createBatch(), writers: [], reads: [], readers: [] };
}

function sizeOf(group: Group | undefined): number {
  return group === undefined ? 0 : group.writers.length + group.readers.length;
}

function rejectAll(requests: readonly { reject: (error: unknown) => void }[], error: unknown): void {
  for (const request of requests) request.reject(error);
}
