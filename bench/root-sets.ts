import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 3072,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** As many roots as most bundles have: 6 kB. */
export const fewRoots = 4;

const year = 365 * 86_400_000;

/** Two sets of so many roots, as PEM, that have none in common; a root takes about 1,520 bytes, as the public ones do on average. */
export async function rootSets(count: number): Promise<readonly [string, string]> {
  // A key takes longer to make than all of the certificates.
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return [await rootSet('odd', count, keys), await rootSet('even', count, keys)];
}

async function rootSet(name: string, count: number, keys: webcrypto.CryptoKeyPair): Promise<string> {
  const roots = Array.from({ length: count }, async (_, index) => {
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        name: `O=Benchmark of bundles, CN=Root ${index} of the ${name} rounds`,
        notBefore: new Date(Date.now() - year / 2),
        notAfter: new Date(Date.now() + year),
        signingAlgorithm: algorithm,
        keys,
        extensions: [
          new BasicConstraintsExtension(true, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ],
      },
      webcrypto,
    );
    return `${PemConverter.encode(certificate.rawData, 'CERTIFICATE')}\n`;
  });
  return (await Promise.all(roots)).join('');
}

/** The blocks of a PEM text in an order of their own: whoever publishes them sorts them as he likes. */
export function pemBlocksOf(text: string): string[] {
  return text
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((block) => block !== '')
    .toSorted();
}
