import { bundlesErrors } from '#errors/bundles.ts';
import { caErrors } from '#errors/ca.ts';
import { cliErrors } from '#errors/cli.ts';
import { csrErrors } from '#errors/csr.ts';
import { kubeErrors } from '#errors/kube.ts';
import { ledgerErrors } from '#errors/ledger.ts';
import { opsErrors } from '#errors/ops.ts';
import type { ErrorRow } from '#errors/row.ts';
import { internal } from '#errors/row.ts';
import { sandboxErrors } from '#errors/sandbox.ts';
import { x509Errors } from '#errors/x509.ts';

/** Every code that Mangrove can show to anyone: the source of docs/errors.md. */
export const errorTable = {
  ...x509Errors,
  ...kubeErrors,
  ...ledgerErrors,
  ...caErrors,
  ...csrErrors,
  ...bundlesErrors,
  ...opsErrors,
  ...sandboxErrors,
  ...cliErrors,
};

export type ErrorCode = keyof typeof errorTable;

/** An error with a stable code. Messages say what was wrong with which value; they never quote secrets. */
export class MangroveError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'MangroveError';
    this.code = code;
  }
}

const unexpected: ErrorRow = internal(
  'InternalError',
  'This is a bug: report it with the log lines around it.',
);

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value);
}

/** The code of any error that carries one of ours (also x509's own class), else undefined. */
export function errorCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return isErrorCode(error.code) ? error.code : undefined;
}

/** What to tell the world of an error: its row, or that of a bug, which is retryable (invariant: never terminal for our faults). */
export function errorRow(error: unknown): ErrorRow {
  const code = errorCode(error);
  return code === undefined ? unexpected : errorTable[code];
}

/** Message of any thrown value, without a stack. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is wrong, what to do about it, and the code to look it up by (docs/errors.md), as one text for people. */
export function advice(error: unknown): string {
  const code = errorCode(error);
  return `${errorMessage(error)}. ${errorRow(error).fix}${code === undefined ? '' : ` (${code})`}`;
}
