import { type ErrorRows, refused } from '#errors/row.ts';
import type { X509Code } from '#x509/error.ts';

/** Rows for the codes that x509/ throws; that room imports nothing, so its codes are declared there. */
export const x509Errors: ErrorRows<X509Code> = {
  DER_TRUNCATED: refused('MalformedRequest', 'Send the complete DER encoding; it ends too early.'),
};
