import * as fc from 'fast-check';
import { beforeAll, expect, test, vi } from 'vitest';
import { parseCertificateRequest } from '#x509/certificate-request.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import { goRequests } from '../oracle/go.ts';
import { opensslEach } from '../oracle/openssl-batch.ts';
import { accept } from './support/accept.ts';
import { assertAlways, timeout } from './support/campaign.ts';
import { attempt, damage, damaged, rearranged, rearrangement } from './support/mutation.ts';
import { expectChangedRequestsReadAlike, expectRequestsReadByOpenssl } from './support/read-by-openssl.ts';
import { opensslRequests } from './support/real-request.ts';
import { anyTextChange } from './support/text-change.ts';

vi.setConfig({ testTimeout: timeout });

/** Of other makers, with all that they put into requests. */
let requests: readonly Buffer[];
beforeAll(() => {
  requests = [...opensslRequests(), ...goRequests()];
});

test('all of them are accepted as they are, except for those with a password', () => {
  const refused = requests.filter((der) => attempt(() => accept(der)) === undefined);
  const password = Buffer.from('A password');
  expect(refused).toEqual(requests.filter((der) => der.includes(password)));
  expect(requests.length - refused.length).toBeGreaterThan(30);
  expectRequestsReadByOpenssl(requests.filter((der) => !refused.includes(der)));
});

test.each([
  ['bytes', damage.map((change) => (der: Buffer) => damaged(der, change))],
  ['elements', rearrangement.map((change) => (der: Buffer) => rearranged(der, change))],
])('with changed %s: refused with an X509Error, or DER that OpenSSL reads alike', (_, changes) => {
  expectChangedRequestsReadAlike(requests, changes);
});

test('changed PEM text: refused with an X509Error, or OpenSSL reads the same request from it', () => {
  const accepted = new Map<string, Buffer>();
  assertAlways(
    fc.property(fc.constantFrom(...requests), anyTextChange, (request, change) => {
      const text = change(encodePem('CERTIFICATE REQUEST', request));
      const [der, ...others] = attempt(() => parsePem(text, 'CERTIFICATE REQUEST')) ?? [];
      if (der === undefined || others.length > 0) return;
      if (attempt(() => parseCertificateRequest(der)) !== undefined) accepted.set(text, der);
    }),
  );
  expect(accepted.size).toBeGreaterThan(20);
  const texts = [...accepted.keys()].map((text) => Buffer.from(text, 'latin1'));
  const answers = opensslEach(['req', '-outform', 'PEM'], texts).map(({ stdout }) => stdout);
  expect(answers).toEqual([...accepted.values()].map((der) => encodePem('CERTIFICATE REQUEST', der)));
});
