import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { inScratch } from '../../support/scratch.ts';

x509.cryptoProvider.set(webcrypto);

// For the tests: whoever imports the library first has to polyfill it first.
export { x509 };

export interface RootOptions {
  readonly subject?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly x509.Extension[];
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly algorithm?: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams | webcrypto.Algorithm;
}

/** A root as Mangrove, SPIRE or a careful operator would make it, by a library that is not ours. */
export async function makeRoot(options: RootOptions = {}): Promise<Buffer> {
  const keys = options.keys ?? (await makeKeys(options.algorithm));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: options.subject ?? 'CN=east.test',
    notBefore: options.notBefore ?? new Date(Date.now() - 120_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 86_400_000),
    keys,
    ...signingAlgorithm(keys),
    extensions: [...(options.extensions ?? rootExtensions())],
  });
  return Buffer.from(certificate.rawData);
}

export async function makeKeys(
  algorithm: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams | webcrypto.Algorithm = {
    name: 'ECDSA',
    namedCurve: 'P-256',
  },
): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

const hashes = new Map([
  ['P-384', 'SHA-384'],
  ['P-521', 'SHA-512'],
]);

function signingAlgorithm(keys: webcrypto.CryptoKeyPair) {
  if (keys.publicKey.algorithm.name !== 'ECDSA') return undefined;
  const { namedCurve } = keys.publicKey.algorithm as webcrypto.EcKeyAlgorithm;
  const hash = hashes.get(namedCurve) ?? 'SHA-256';
  return { signingAlgorithm: { name: 'ECDSA', hash } };
}

export function rootExtensions(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

export function spiffeUri(uri: string): x509.Extension {
  return new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }]);
}

/** An intermediate: a CA certificate that another key signed. */
export async function makeIntermediate(): Promise<Buffer> {
  const issuer = await makeKeys();
  const subject = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=intermediate',
    issuer: 'CN=root',
    notBefore: new Date(Date.now() - 120_000),
    notAfter: new Date(Date.now() + 86_400_000),
    publicKey: subject.publicKey,
    signingKey: issuer.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: rootExtensions(),
  });
  return Buffer.from(certificate.rawData);
}

/** Roots of some 80 kB whose PEM has exactly so many bytes together, which a dozen of them reach. */
export async function rootsOfLength(length: number): Promise<Buffer[]> {
  const roots: Buffer[] = [];
  for (const size of sizesOfLength(length)) roots.push(await rootOfSize(size));
  return roots;
}

/** One length has gaps, for each line that is begun has a line feed; so the others change until the last one fits. */
function sizesOfLength(length: number): number[] {
  const others = Math.floor(length / 80_000) - 1;
  const even = Math.floor(length / (others + 1) / 1.354);
  for (let turn = 0; turn < 1_000; turn += 1) {
    const sizes = Array.from({ length: others }, (_, index) => even + 3 * ((turn * (index + 1)) % 17));
    const rest = length - sizes.reduce((sum, size) => sum + pemLength(size), 0);
    const about = 3 * Math.floor(((rest - 54) * 64) / 65 / 4);
    const last = [about - 3, about, about + 3].find((size) => pemLength(size) === rest);
    if (last !== undefined) return [...sizes, last];
  }
  throw new Error(`no roots have ${length} bytes of PEM`);
}

/** Armour, base64, and a line feed for each 64 characters begun. */
function pemLength(size: number): number {
  const characters = Math.ceil(size / 3) * 4;
  return 54 + characters + Math.ceil(characters / 64);
}

/** Of so many bytes of DER. */
async function rootOfSize(size: number): Promise<Buffer> {
  // Its signatures have one length; serial numbers do not.
  const keys = await makeKeys({ name: 'Ed25519' });
  let filler = size - 400;
  for (let tries = 0; tries < 100; tries += 1) {
    const extension = new x509.Extension('1.3.6.1.4.1.99999.1', false, new Uint8Array(filler));
    const root = await makeRoot({ keys, extensions: [...rootExtensions(), extension] });
    if (root.length === size) return root;
    filler += size - root.length;
  }
  throw new Error(`no root has ${size} bytes`);
}

/** PEM as OpenSSL writes it, made without our own writer. */
export function pem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const base64 = Buffer.from(der).toString('base64');
  return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END ${label}-----\n`;
}

/** A self-signed certificate by OpenSSL, for what libraries refuse to write. */
export function opensslRoot(args: readonly string[] = ['-key', 'key.pem'], config = ROOT_CONFIG): Buffer {
  return inScratch((dir) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(dir, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(join(dir, 'openssl.cnf'), config);
    const request = 'req -x509 -new -config openssl.cnf -days 30 -outform DER -out root.der';
    execFileSync('openssl', [...request.split(' '), ...args], { cwd: dir, stdio: 'pipe' });
    return readFileSync(join(dir, 'root.der'));
  });
}

export const ROOT_CONFIG = `
[req]
prompt = no
distinguished_name = dn
x509_extensions = ext
[dn]
CN = root by OpenSSL
[ext]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
`;
