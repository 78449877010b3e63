import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { Crypto as PeculiarCrypto } from '@peculiar/webcrypto';

/** Which WebCrypto proves what was signed. Both end in OpenSSL; neither is given a private key (ca-certificate.ts). */
export type WebCryptoName = 'peculiar' | 'node';

export function webCrypto(name: WebCryptoName): Crypto {
  return name === 'peculiar' ? new PeculiarCrypto() : webcrypto;
}
