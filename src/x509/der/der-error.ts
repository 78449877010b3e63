import { type X509Code, X509Error } from '#x509/error.ts';

/** Of the element that begins at this byte, or whose contents do. */
export function derError(code: X509Code, at: number, what: string): X509Error {
  return new X509Error(code, `the element at byte ${at} ${what}`);
}
