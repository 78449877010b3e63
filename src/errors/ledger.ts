import { type ErrorRows, internal, unavailable } from '#errors/row.ts';

/** Every row is retryable: whatever is wrong with the records is our fault and never the requester's. */
export const ledgerErrors = {
  LEDGER_SERIAL_EXISTS: internal(
    'SerialExists',
    'Draw another serial and record a new intent; report it if it happens again, for 64 bits of chance do not repeat.',
  ),
  LEDGER_INTENT_MISSING: internal(
    'IntentMissing',
    'Record the intent before the signature; if it was recorded, an older copy of the ledger has been put in its place.',
  ),
  LEDGER_RESULT_EXISTS: internal(
    'ResultExists',
    'This is a bug: the same intent was answered twice with different results. Report it with the log lines around it.',
  ),
  LEDGER_RECORD_INVALID: internal(
    'RecordInvalid',
    'This is a bug: report it with the log lines around it. Nothing was recorded.',
  ),
  LEDGER_BUSY: unavailable(
    'LedgerBusy',
    'Try again in a moment: records arrive faster than the disk takes them. Give the ledger a faster volume, or add replicas.',
  ),
  LEDGER_TIMEOUT: unavailable(
    'LedgerTimeout',
    'Look at the volume of the ledger: a write has not come back from it. Requests work again as soon as it does.',
  ),
  LEDGER_UNAVAILABLE: unavailable(
    'LedgerUnavailable',
    'Try again: the thread that keeps the ledger has ended and starts anew with the next request. Its reason is in the log.',
  ),
  LEDGER_CLOSED: unavailable(
    'LedgerClosed',
    'Send the request to another replica: this one is shutting down.',
  ),
  LEDGER_FULL: unavailable(
    'LedgerFull',
    'Make room on the volume of the ledger, or enlarge it. Issuance goes on by itself after that.',
  ),
  LEDGER_READ_ONLY: unavailable(
    'LedgerReadOnly',
    'Make the file and the directory of the ledger writable for the user of the controller.',
  ),
  LEDGER_IO: unavailable(
    'LedgerIOError',
    'Look at the volume of the ledger: reading or writing failed. The kernel log may say why.',
  ),
  LEDGER_CANNOT_OPEN: unavailable(
    'LedgerCannotOpen',
    'Check that the directory of ledger.path exists and that the user of the controller may create files in it.',
  ),
  LEDGER_LOCKED: unavailable(
    'LedgerLocked',
    'Another process has this ledger open. Give every replica a file of its own, or wait until the other one has ended.',
  ),
  LEDGER_FILE_MISSING: unavailable(
    'LedgerFileMissing',
    'Put the file of the ledger back from where it was moved or from a backup; a restart begins an empty one, without the knowledge of what was issued.',
  ),
  LEDGER_DAMAGED: unavailable(
    'LedgerDamaged',
    'Put a backup of the ledger in its place, or move the file away to keep as evidence and restart with an empty one.',
  ),
  LEDGER_NOT_OURS: unavailable(
    'LedgerNotOurs',
    'Let ledger.path name a file of its own: what stands there now was not written by Mangrove and is left as it is.',
  ),
  LEDGER_VERSION: unavailable(
    'LedgerTooNew',
    'Run the version of Mangrove that wrote this ledger, or a newer one: an older one does not understand it.',
  ),
} as const satisfies ErrorRows<string>;
