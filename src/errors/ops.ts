import { type ErrorRows, internal } from '#errors/row.ts';

export const opsErrors = {
  OPS_UNEXPECTED: internal('InternalError', 'This is a bug: report it with the log lines around it.'),
} as const satisfies ErrorRows<string>;
