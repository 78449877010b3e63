import { Worker } from 'node:worker_threads';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { Fault, StoreMessage, StoreReply, StoreRequest, StoreThreadData } from '#ledger/message.ts';
import { workerLocation } from '#ledger/worker-location.ts';

/** The thread that owns the store: started by the first request, and again by the next one after it died. */
export interface StoreThread {
  /** One at a time. @throws MangroveError LEDGER_UNAVAILABLE when the thread ends before it answers */
  readonly exchange: (request: StoreRequest) => Promise<StoreReply>;
  /** Closes the store and ends the thread, by force when it does not within the time. */
  readonly stop: (withinMs: number) => Promise<void>;
}

export interface StoreThreadOptions {
  readonly path: string;
  readonly maxBytes: number | undefined;
  readonly upkeepFault: (fault: Fault) => void;
}

export function createStoreThread(options: StoreThreadOptions): StoreThread {
  let worker: Worker | undefined;
  let pending: PromiseWithResolvers<StoreReply> | undefined;
  let create = true;

  function start(): Worker {
    const { path, maxBytes } = options;
    const started = new Worker(workerLocation(import.meta.url), {
      name: 'ledger',
      workerData: { path, maxBytes, create } satisfies StoreThreadData,
      execArgv: [],
    });
    let cause: unknown = 'no error was reported';
    started.on('message', (message: StoreMessage) => {
      if ('upkeepFault' in message) return options.upkeepFault(message.upkeepFault);
      if (message.opened) create = false;
      const waiting = pending;
      pending = undefined;
      waiting?.resolve(message);
    });
    started.on('error', (error) => {
      cause = error;
    });
    started.on('exit', (code) => {
      worker = undefined;
      const waiting = pending;
      pending = undefined;
      const message = `the thread that keeps ledger ${path} ended (${code}): ${errorMessage(cause)}`;
      waiting?.reject(new MangroveError('LEDGER_UNAVAILABLE', message, { cause }));
    });
    return started;
  }

  return {
    exchange(request) {
      worker ??= start();
      pending = Promise.withResolvers();
      worker.postMessage(request, []);
      return pending.promise;
    },
    async stop(withinMs) {
      if (worker === undefined) return;
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const stopping = worker.once('exit', () => resolve());
      stopping.postMessage('close', []);
      // A thread inside a system call that hangs cannot be ended; the process should be able to all the same.
      const timer = setTimeout(() => {
        stopping.unref();
        void stopping.terminate();
        resolve();
      }, withinMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
