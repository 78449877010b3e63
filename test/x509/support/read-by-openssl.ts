import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { Certificate } from '#x509/certificate.ts';
import { type CertificateRequest, parseCertificateRequest } from '#x509/certificate-request.ts';
import type { Run } from '../../oracle/openssl.ts';
import { opensslEach } from '../../oracle/openssl-batch.ts';
import { assertAlways } from './campaign.ts';
import { readInRequests } from './canonical.ts';
import { attempt, expectCanonical } from './mutation.ts';

/** Extensions whose values we read, by the names that OpenSSL prints. */
const printed = {
  keyUsage: 'X509v3 Key Usage',
  extendedKeyUsage: 'X509v3 Extended Key Usage',
  subjectAltNames: 'X509v3 Subject Alternative Name',
} as const;

const unreadValue =
  /X509v3 (?:Key Usage|Extended Key Usage|Subject Alternative Name|Basic Constraints):.*\n *<Parse Error>/;

/** Every one of these requests, all of which we accept, is one to the OpenSSL of the machine, and says the same. */
export function expectRequestsReadByOpenssl(ders: readonly Buffer[]): void {
  const distinct = [...new Map(ders.map((der) => [der.toString('hex'), der])).values()];
  const args = ['req', '-inform', 'DER', '-noout', '-text', '-pubkey', '-reqopt', 'ext_error'];
  const runs = opensslEach(args, distinct);
  const faults = distinct.flatMap((der, i) => {
    const found = differences(parseCertificateRequest(der), runs[i] ?? expect.fail('no run'));
    return found.map((fault) => `${fault}: ${der.toString('hex')}`);
  });
  expect(faults).toEqual([]);
}

function differences(request: CertificateRequest, { ok, stdout, stderr }: Run): readonly string[] {
  if (!ok) return [`refused (${stderr.trim()})`];
  const names = Object.entries(printed).flatMap(([key, name]) => {
    const value = request[key as keyof typeof printed];
    const isRead = value !== undefined && (key !== 'subjectAltNames' || value.length > 0);
    return stdout.includes(`${name}:`) === isRead ? [] : [`${name} is ${isRead ? 'not ' : ''}read`];
  });
  const body = /-----BEGIN PUBLIC KEY-----([^-]*)-----END/.exec(stdout)?.[1] ?? '';
  const isOfKey = Buffer.from(body, 'base64').equals(request.publicKey.spki);
  return [
    ...names,
    ...(isOfKey ? [] : ['it has another key']),
    ...(stdout.includes('CA:TRUE') === request.ca ? [] : ['CA is not the same']),
    ...(unreadValue.test(stdout) ? ['an extension cannot be read'] : []),
  ];
}

/** This certificate, which we accept, is one to the OpenSSL that Node has, which is quick enough to be asked each time. */
export function expectReadByNode(certificate: Certificate): void {
  expect(nodeReads(certificate), certificate.der.toString('hex')).toEqual({
    key: certificate.publicKey.spki.toString('hex'),
    names: certificate.subjectAltNames.length > 0,
    purposes: certificate.extendedKeyUsage !== undefined,
  });
}

function nodeReads({ der }: Certificate): object | string {
  try {
    const { publicKey, subjectAltName, keyUsage } = new X509Certificate(der);
    return {
      key: publicKey.export({ type: 'spki', format: 'der' }).toString('hex'),
      names: subjectAltName !== undefined,
      purposes: keyUsage !== undefined,
    };
  } catch (error) {
    return String(error);
  }
}

/** Each changed request is refused with an X509Error, or is DER that OpenSSL reads alike; and not all are refused. */
export function expectChangedRequestsReadAlike(
  requests: readonly Buffer[],
  changes: fc.Arbitrary<(der: Buffer) => Buffer>,
): void {
  const accepted: Buffer[] = [];
  assertAlways(
    fc.property(fc.constantFrom(...requests), changes, (der, change) => {
      const bytes = change(der);
      if (attempt(() => parseCertificateRequest(bytes)) === undefined) return;
      expectCanonical(bytes, readInRequests);
      accepted.push(bytes);
    }),
  );
  expect(accepted.length).toBeGreaterThan(20);
  expectRequestsReadByOpenssl(accepted);
}
