import { type ErrorCode, MangroveError } from '#errors/error.ts';
import type { PackedBatch } from '#ledger/batch.ts';
import type { Intent, LedgerEntry, RecordKind } from '#ledger/record.ts';

/** What the store's thread is started with. */
export interface StoreThreadData {
  readonly path: string;
  readonly maxBytes: number | undefined;
  readonly create: boolean;
}

/** To the thread: one commit, then reads that see it. At most one request is under way. */
export interface StoreRequest {
  readonly batch: PackedBatch | undefined;
  readonly reads: readonly Read[];
}

export type Read =
  | { readonly op: 'findBySerial'; readonly serial: string }
  | { readonly op: 'findByPublicKey'; readonly spkiSha256: string; readonly limit: number }
  | { readonly op: 'findByIdentity'; readonly uri: string; readonly limit: number }
  | { readonly op: 'newestNotAfter'; readonly authority: string; readonly kind: RecordKind }
  | { readonly op: 'unresolvedIntents'; readonly limit: number };

/** From the thread: the answer to the request under way, or a fault that no request waits for. */
export type StoreMessage = StoreReply | { readonly upkeepFault: Fault };

export interface StoreReply {
  /** Undefined when every write of the batch is on the disk; else why none is. */
  readonly fault: Fault | undefined;
  /** Writes that were left out of a commit that succeeded. */
  readonly refusals: readonly (Fault & { readonly index: number })[];
  /** In the order of the reads. */
  readonly answers: readonly Answer[];
  /** The store was open at some time: a thread that comes after this one must find the file. */
  readonly opened: boolean;
  readonly seconds: number;
}

export type Answer = { readonly value: ReadValue } | { readonly fault: Fault };

/** Each read fills its own member. */
export interface ReadValue {
  readonly entries?: readonly LedgerEntry[];
  readonly intents?: readonly Intent[];
  readonly notAfter?: number | undefined;
}

/** An error as it crosses threads: a class does not. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
}

export function faultOf({ code, message }: MangroveError): Fault {
  return { code, message };
}

export function errorOf({ code, message }: Fault): MangroveError {
  return new MangroveError(code, message);
}
