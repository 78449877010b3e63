import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inScratch } from '../support/scratch.ts';
import type { CertificateFields } from './certificate-fields.ts';

export interface Run {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the OpenSSL of the machine. */
export function openssl(args: readonly string[], input: Uint8Array | string = ''): Run {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, {
    input,
    env: { ...process.env, TZ: 'UTC' },
  });
  if (error !== undefined) throw error;
  return { ok: status === 0, stdout: stdout.toString(), stderr: stderr.toString() };
}

function expectOk(run: Run): string {
  if (!run.ok) throw new Error(`openssl failed: ${run.stderr}`);
  return run.stdout;
}

/** Whether OpenSSL reads the request and finds its signature right. */
export function opensslAcceptsRequest(der: Uint8Array): boolean {
  const run = openssl(['req', '-inform', 'DER', '-noout', '-verify', '-pubkey'], der);
  // OpenSSL 3.0 ends with 0 also when the signature is wrong.
  return run.ok && /verify OK/.test(run.stderr + run.stdout);
}

/** Whether OpenSSL reads the certificate, its public key included. */
export function opensslReadsCertificate(der: Uint8Array): boolean {
  const { ok, stdout } = openssl(['x509', '-inform', 'DER', '-noout', '-text'], der);
  return ok && !stdout.includes('Unable to load Public Key');
}

const keyUsageNames: Readonly<Record<string, string>> = {
  'Digital Signature': 'digitalSignature',
  'Non Repudiation': 'nonRepudiation',
  'Key Encipherment': 'keyEncipherment',
  'Data Encipherment': 'dataEncipherment',
  'Key Agreement': 'keyAgreement',
  'Certificate Sign': 'keyCertSign',
  'CRL Sign': 'cRLSign',
  'Encipher Only': 'encipherOnly',
  'Decipher Only': 'decipherOnly',
};

const purposeOids: Readonly<Record<string, string>> = {
  'TLS Web Server Authentication': '1.3.6.1.5.5.7.3.1',
  'TLS Web Client Authentication': '1.3.6.1.5.5.7.3.2',
  'Code Signing': '1.3.6.1.5.5.7.3.3',
  'E-mail Protection': '1.3.6.1.5.5.7.3.4',
  'Time Stamping': '1.3.6.1.5.5.7.3.8',
  'OCSP Signing': '1.3.6.1.5.5.7.3.9',
  'Any Extended Key Usage': '2.5.29.37.0',
};

const extensionOids: Readonly<Record<string, string>> = {
  'X509v3 Subject Key Identifier': '2.5.29.14',
  'X509v3 Key Usage': '2.5.29.15',
  'X509v3 Subject Alternative Name': '2.5.29.17',
  'X509v3 Basic Constraints': '2.5.29.19',
  'X509v3 Authority Key Identifier': '2.5.29.35',
  'X509v3 Extended Key Usage': '2.5.29.37',
};

const hexOf = (colons: string): string =>
  colons
    .replace(/^keyid:/, '')
    .replaceAll(':', '')
    .toLowerCase();

/** What OpenSSL reads in a certificate. */
export function opensslFields(der: Uint8Array): CertificateFields {
  const options = ['-nameopt', 'RFC2253', '-dateopt', 'iso_8601', '-serial', '-issuer', '-subject', '-dates'];
  const out = expectOk(openssl(['x509', '-inform', 'DER', '-noout', '-text', '-pubkey', ...options], der));
  const one = (pattern: RegExp): string => pattern.exec(out)?.[1]?.trim() ?? '';
  const extensions = new Map<string, { critical: boolean; value: string }>();
  for (const match of out.matchAll(/^ {12}(X509v3 [^:]+|[\d.]+): ?(critical)?\n {16}(.*)$/gm)) {
    extensions.set(match[1] ?? '', { critical: match[2] !== undefined, value: (match[3] ?? '').trim() });
  }
  const value = (name: string): string | undefined => extensions.get(`X509v3 ${name}`)?.value;
  const list = (name: string): string[] => value(name)?.split(', ') ?? [];
  const constraints = value('Basic Constraints') ?? '';
  const pathLength = /pathlen:(\d+)/.exec(constraints)?.[1];
  return {
    version: Number(one(/Version: (\d+)/)),
    serial: one(/^serial=(.*)$/m)
      .toLowerCase()
      .replace(/^0+/, ''),
    signatureAlgorithm: one(/Signature Algorithm: (.*)/),
    issuer: one(/^issuer=(.*)$/m),
    subject: one(/^subject=(.*)$/m),
    notBefore: Date.parse(one(/^notBefore=(.*)$/m)) / 1000,
    notAfter: Date.parse(one(/^notAfter=(.*)$/m)) / 1000,
    publicKey: sha256OfPem(out),
    keyUsage: list('Key Usage').map((name) => keyUsageNames[name] ?? name),
    extendedKeyUsage: list('Extended Key Usage').map((name) => purposeOids[name] ?? name),
    ca: constraints.includes('CA:TRUE'),
    pathLength: pathLength === undefined ? undefined : Number(pathLength),
    subjectAltNames: list('Subject Alternative Name').map((name) => name.replace('IP Address:', 'IP:')),
    subjectKeyId: mapped(value('Subject Key Identifier'), hexOf),
    authorityKeyId: mapped(value('Authority Key Identifier'), hexOf),
    criticalExtensions: [...extensions]
      .filter(([, { critical }]) => critical)
      .map(([name]) => extensionOids[name] ?? name)
      .sort(),
  };
}

const mapped = <T, R>(value: T | undefined, map: (value: T) => R): R | undefined =>
  value === undefined ? undefined : map(value);

function sha256OfPem(text: string): string {
  const body = /-----BEGIN PUBLIC KEY-----([^-]*)-----END/.exec(text)?.[1] ?? '';
  return createHash('sha256').update(Buffer.from(body, 'base64')).digest('hex');
}

export interface Verification {
  readonly root: string;
  readonly intermediates?: string;
  readonly leaf: string;
  /** Epoch seconds. */
  readonly at: number;
  readonly purpose?: 'sslserver' | 'sslclient';
  /** Whether a root may be a certificate that somebody else signed. */
  readonly partialChain?: boolean;
  /** Whether the signature of the root counts, too: OpenSSL believes an anchor unasked. */
  readonly rootSignature?: boolean;
}

/** `openssl verify -x509_strict` of PEM certificates. */
export function opensslVerify(verification: Verification): Run {
  const {
    root,
    intermediates,
    leaf,
    at,
    purpose,
    partialChain = false,
    rootSignature = false,
  } = verification;
  return inScratch((folder) => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    return openssl([
      'verify',
      '-x509_strict',
      '-no-CApath',
      '-no-CAstore',
      '-attime',
      String(at),
      ...(purpose === undefined ? [] : ['-purpose', purpose]),
      ...(partialChain ? ['-partial_chain'] : []),
      ...(rootSignature ? ['-check_ss_sig'] : []),
      '-CAfile',
      file('root.pem', root),
      ...(intermediates === undefined ? [] : ['-untrusted', file('intermediates.pem', intermediates)]),
      file('leaf.pem', leaf),
    ]);
  });
}
