import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Crypto as PeculiarCrypto } from '@peculiar/webcrypto';

/** Which WebCrypto makes roots and issuing certificates. Both end in OpenSSL; each is the other's oracle in tests. */
export type WebCryptoName = 'peculiar' | 'node';

export function webCrypto(name: WebCryptoName): Crypto {
  return name === 'peculiar' ? new PeculiarCrypto() : webcrypto;
}
