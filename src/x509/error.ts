/** Codes of everything that this room refuses. */
export type X509Code = 'DER_TRUNCATED';

/** Input that is not what its standard says. Always thrown for hostile bytes; never a bare RangeError. */
export class X509Error extends Error {
  readonly code: X509Code;

  constructor(code: X509Code, message: string) {
    super(message);
    this.name = 'X509Error';
    this.code = code;
  }
}
