import { type ErrorCode, errorMessage, MangroveError } from '#errors/error.ts';

/** Primary result codes (sqlite.org/rescode.html); the extended ones carry them in their low byte. */
const codeOfResult: ReadonlyMap<number, ErrorCode> = new Map([
  [5, 'LEDGER_LOCKED'], // BUSY
  [8, 'LEDGER_READ_ONLY'],
  [10, 'LEDGER_IO'],
  [11, 'LEDGER_DAMAGED'], // CORRUPT
  [13, 'LEDGER_FULL'],
  [14, 'LEDGER_CANNOT_OPEN'],
  [26, 'LEDGER_NOT_OURS'], // NOTADB
]);

const codeOfErrno: ReadonlyMap<string, ErrorCode> = new Map([
  ['ENOENT', 'LEDGER_FILE_MISSING'],
  ['EROFS', 'LEDGER_READ_ONLY'],
  ['EACCES', 'LEDGER_READ_ONLY'],
  ['EPERM', 'LEDGER_READ_ONLY'],
  ['ENOSPC', 'LEDGER_FULL'],
  ['EDQUOT', 'LEDGER_FULL'],
  ['EIO', 'LEDGER_IO'],
]);

/** Any failure of SQLite or of the file system as an error with a code that says what an operator must mend. */
export function storeFault(error: unknown, path: string): MangroveError {
  if (error instanceof MangroveError) return error;
  const detail = error instanceof Error && 'errcode' in error ? ` (SQLite ${String(error.errcode)})` : '';
  return new MangroveError(codeOf(error), `ledger ${path}: ${errorMessage(error)}${detail}`, {
    cause: error,
  });
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number') {
    return codeOfResult.get(error.errcode & 0xff) ?? 'LEDGER_IO';
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return codeOfErrno.get(error.code) ?? 'LEDGER_CANNOT_OPEN';
  }
  return 'LEDGER_UNAVAILABLE';
}
