import type { Logger } from 'pino';
import { createCommitQueue } from '#ledger/commit-queue.ts';
import type { Ledger, LedgerObserver } from '#ledger/ledger.ts';
import { assertDigest, assertIntent, assertResult, assertSerial } from '#ledger/record.ts';
import { createStoreThread } from '#ledger/store-thread.ts';

export interface SqliteLedgerOptions {
  /** The file; made when missing, its directory not. Exactly one process at a time may have it open. */
  readonly path: string;
  readonly log?: Logger;
  readonly observer?: LedgerObserver;
  /** Requests that wait or are under way before more are refused with LEDGER_BUSY; default 4096. */
  readonly maxWaiting?: number;
  /** Milliseconds that a commit may take before its requests fail with LEDGER_TIMEOUT; default 10,000. */
  readonly timeoutMs?: number;
  /** Size of the file at which it stops to grow (LEDGER_FULL); default: as far as the volume goes. */
  readonly maxBytes?: number;
}

const defaultLimit = 100;
const defaultMaxWaiting = 4096;
const defaultTimeoutMs = 10_000;

/**
 * Opens the embedded ledger and proves that it can record.
 * @throws MangroveError LEDGER_*: the reason why it cannot
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Ledger> {
  const ledger = sqliteLedger(options);
  try {
    await ledger.check();
  } catch (error) {
    await ledger.close();
    throw error;
  }
  return ledger;
}

/** The same without the proof: for a process that must start, not ready, while its volume is still at fault. */
export function sqliteLedger(options: SqliteLedgerOptions): Ledger {
  const { path, log, observer } = options;
  const thread = createStoreThread({
    path,
    maxBytes: options.maxBytes,
    upkeepFault({ code, message }) {
      observer?.failed(code);
      log?.warn({ code, path }, message);
    },
  });
  const queue = createCommitQueue({
    thread,
    log,
    observer,
    maxWaiting: options.maxWaiting ?? defaultMaxWaiting,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
  });

  return {
    async recordIntent(intent) {
      assertIntent(intent);
      await queue.write(intent);
    },
    async recordResult(result) {
      assertResult(result);
      await queue.write(result);
    },
    async findBySerial(serial) {
      assertSerial(serial);
      return (await queue.read({ op: 'findBySerial', serial })).entries?.[0];
    },
    async findByPublicKey(spkiSha256, limit = defaultLimit) {
      assertDigest('spkiSha256', spkiSha256);
      return [...((await queue.read({ op: 'findByPublicKey', spkiSha256, limit })).entries ?? [])];
    },
    async findByIdentity(uri, limit = defaultLimit) {
      return [...((await queue.read({ op: 'findByIdentity', uri, limit })).entries ?? [])];
    },
    async newestNotAfter(authority, kind = 'leaf') {
      return (await queue.read({ op: 'newestNotAfter', authority, kind })).notAfter;
    },
    async unresolvedIntents(limit = defaultLimit) {
      return [...((await queue.read({ op: 'unresolvedIntents', limit })).intents ?? [])];
    },
    check: () => queue.write('check'),
    close: queue.close,
  };
}
