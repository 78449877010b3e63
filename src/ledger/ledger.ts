import type { Intent, LedgerEntry, RecordKind, Result } from '#ledger/record.ts';

/**
 * The memory of everything that was, or may have been, signed. Any number of calls may run at once. Every method
 * rejects with a retryable `LEDGER_*` code when the store fails; what it then knows is said per method.
 */
export interface Ledger {
  /**
   * Resolves once the intent survives a power cut: only then may the bytes be signed.
   * Rejects with LEDGER_SERIAL_EXISTS, and records nothing, when the serial was ever used before. After any other
   * rejection the intent may or may not stand: the caller must not sign, and tries again with a new serial.
   */
  recordIntent(intent: Intent): Promise<void>;

  /**
   * Resolves once the result survives a power cut: only then may the certificate leave the process.
   * Idempotent: after a rejection the very same result may be sent again. LEDGER_INTENT_MISSING without an intent,
   * LEDGER_RESULT_EXISTS when a different result is there already; neither changes anything.
   */
  recordResult(result: Result): Promise<void>;

  /** Reads see every write that was acknowledged before the call. */
  findBySerial(serial: string): Promise<LedgerEntry | undefined>;

  /** Newest first; at most `limit`, 100 unless told. */
  findByPublicKey(spkiSha256: string, limit?: number): Promise<LedgerEntry[]>;

  /** Newest first; at most `limit`, 100 unless told. */
  findByIdentity(uri: string, limit?: number): Promise<LedgerEntry[]>;

  /**
   * Epoch seconds at which the last certificate of this kind under the authority expires, leaves unless told. Counts
   * from the intent on, whatever its result: never earlier than the truth for what THIS store recorded.
   */
  newestNotAfter(authority: string, kind?: RecordKind): Promise<number | undefined>;

  /** Intents that have no result: each may or may not have become a certificate. Oldest first, 100 unless told. */
  unresolvedIntents(limit?: number): Promise<Intent[]>;

  /** Writes to the store as a record would, to the disk and back. Rejects with the code of what hinders it. */
  check(): Promise<void>;

  /** Refuses new calls, waits for those under way, releases the store. May be called again. */
  close(): Promise<void>;
}

/** Told of what the store does, for metrics; must not throw. */
export interface LedgerObserver {
  /** One transaction reached the disk with `records` in it; `waiting` more arrived meanwhile. */
  committed(records: number, seconds: number, waiting: number): void;
  /** A group of requests, or the upkeep between two, failed with this code. */
  failed(code: string): void;
}
