import { parentPort, workerData } from 'node:worker_threads';
import { MangroveError } from '#errors/error.ts';
import {
  type Answer,
  type Fault,
  faultOf,
  type Read,
  type ReadValue,
  type StoreMessage,
  type StoreReply,
  type StoreRequest,
  type StoreThreadData,
} from '#ledger/message.ts';
import type { Refusal, Store } from '#ledger/sqlite/store.ts';
import { createStoreKeeper } from '#ledger/sqlite/store-keeper.ts';

/** The thread that owns the database: an fsync stops it and never the event loop of the process. */
const port = parentPort;
if (port === null) throw new Error('ledger worker: started without a parent');

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends of the port are ours
const data = workerData as StoreThreadData;
const keeper = createStoreKeeper({ ...data, now: () => performance.now() });
let tidying = false;

port.on('message', (request: StoreRequest | 'close') => {
  if (request === 'close') {
    keeper.close();
    port.close();
    return;
  }
  send(answer(request));
  if (!tidying) tidyLater();
});

function send(message: StoreMessage): void {
  port?.postMessage(message);
}

function answer({ batch, reads }: StoreRequest): StoreReply {
  const started = performance.now();
  let fault: Fault | undefined;
  let refusals: readonly Refusal[] = [];
  if (batch !== undefined) {
    const outcome = attempt(() => keeper.use((store) => store.commit(batch)));
    if ('fault' in outcome) fault = outcome.fault;
    else refusals = outcome.value;
  }
  const seconds = (performance.now() - started) / 1000;
  const answers = reads.map((read): Answer => attempt(() => keeper.use((store) => readFrom(store, read))));
  return { fault, refusals, answers, opened: keeper.wasOpen(), seconds };
}

function readFrom(store: Store, read: Read): ReadValue {
  switch (read.op) {
    case 'findBySerial':
      return { entries: [store.findBySerial(read.serial)].filter((entry) => entry !== undefined) };
    case 'findByPublicKey':
      return { entries: store.findByPublicKey(read.spkiSha256, read.limit) };
    case 'findByIdentity':
      return { entries: store.findByIdentity(read.uri, read.limit) };
    case 'newestNotAfter':
      return { notAfter: store.newestNotAfter(read.authority, read.kind) };
    case 'unresolvedIntents':
      return { intents: store.unresolvedIntents(read.limit) };
    default:
      return read satisfies never;
  }
}

/** Upkeep comes after the reply, one piece at a time, so that a request waits for one piece at most. */
function tidyLater(): void {
  tidying = true;
  setImmediate(() => {
    tidying = false;
    const outcome = attempt(() => keeper.tidy());
    if ('fault' in outcome) send({ upkeepFault: outcome.fault });
    else if (outcome.value) tidyLater();
  });
}

function attempt<T>(task: () => T): { readonly value: T } | { readonly fault: Fault } {
  try {
    return { value: task() };
  } catch (error) {
    // Anything else is a bug: let the thread die of it, and the requests with it.
    if (error instanceof MangroveError) return { fault: faultOf(error) };
    throw error;
  }
}
