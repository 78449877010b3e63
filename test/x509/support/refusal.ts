import { expect } from 'vitest';
import { type X509Code, X509Error } from '#x509/error.ts';

/** The code with which `action` is refused; fails when it is not, or by anything but an X509Error. */
export function refusalOf(action: () => unknown): X509Code {
  try {
    action();
  } catch (error) {
    if (error instanceof X509Error) return error.code;
    throw error;
  }
  return expect.fail('accepted');
}
