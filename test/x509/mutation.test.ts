import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Certificate, parseCertificate } from '#x509/certificate.ts';
import { buildDer, type WriteDer } from '#x509/der/builder.ts';
import { booleanTrue, element, oid, sequence } from '#x509/der/writer.ts';
import {
  basicConstraintsExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from '#x509/extension.ts';
import { extensionOid } from '#x509/object-identifier.ts';
import { encodeCertificate, encodeTbsCertificate } from '#x509/tbs-certificate.ts';
import { opensslReadsCertificate } from '../oracle/openssl.ts';
import { assertAlways, timeout } from './support/campaign.ts';
import { canonical, parseBer } from './support/canonical.ts';
import { newChain } from './support/chain.ts';
import { ascii, bits, contentsOf, int, OID, seq, set, TRUE, tlv } from './support/der.ts';
import { attempt, damage, damaged, expectCanonical, rearranged, rearrangement } from './support/mutation.ts';
import { expectChangedRequestsReadAlike, expectReadByNode } from './support/read-by-openssl.ts';
import {
  altNames,
  exampleId,
  extension,
  extensionRequest,
  signedRequest,
  uriName,
} from './support/request.ts';

const subject = seq(
  set(seq(OID.organization, ascii(0x13, 'Mangrove'))),
  set(seq(OID.commonName, ascii(0x0c, 'web'))),
);

const requests = [
  signedRequest(),
  signedRequest({
    subject,
    attributes: [
      extensionRequest(
        altNames(
          uriName(exampleId),
          ascii(0x82, 'web.default.svc'),
          tlv(0x87, '0a000001'),
          tlv(0xa4, subject),
        ),
        extension(OID.basicConstraints, seq(TRUE, int('03')), TRUE),
        extension(OID.keyUsage, bits(5, 'a0'), TRUE),
        extension(OID.extendedKeyUsage, seq(OID.serverAuth, OID.clientAuth)),
        extension('06032a0304', 'aabb'),
      ),
    ],
  }),
];

const { root, issuing, leaf } = newChain();
const certificates = [root, issuing, leaf];

/** The certificate written again from what was read of it. */
function rewritten(certificate: Certificate): Buffer {
  const extensions = certificate.extensions.map(
    ({ oid: id, critical, value }): WriteDer =>
      (der) =>
        der.put(sequence(oid(id), critical ? booleanTrue : Buffer.alloc(0), element(0x04, value))),
  );
  const tbs = encodeTbsCertificate({
    ...certificate,
    issuer: certificate.issuer.der,
    subject: certificate.subject.der,
    spki: certificate.publicKey.spki,
    extensions,
  });
  return encodeCertificate(tbs, certificate.signatureAlgorithm, certificate.signature);
}

/** Values of extensions written again from what was read of them. */
function expectValuesRewritten(certificate: Certificate): void {
  const { basicConstraints, keyUsage, subjectAltNames, subjectKeyId } = certificate;
  const written = new Map<string, WriteDer>();
  if (basicConstraints !== undefined)
    written.set(extensionOid.basicConstraints, basicConstraintsExtension(basicConstraints));
  if (keyUsage !== undefined) written.set(extensionOid.keyUsage, keyUsageExtension(keyUsage));
  if (subjectKeyId !== undefined) written.set(extensionOid.subjectKeyId, subjectKeyIdExtension(subjectKeyId));
  if (subjectAltNames.length > 0) {
    written.set(extensionOid.subjectAltName, subjectAltNameExtension(subjectAltNames, { critical: false }));
  }
  for (const [id, write] of written) {
    const value = certificate.extensions.find(({ oid }) => oid === id)?.value ?? Buffer.alloc(0);
    expect(
      contentsOf(buildDer(write))
        .subarray(-value.length - 2)
        .toString('hex'),
    ).toBe(element(0x04, value).toString('hex'));
  }
}

vi.setConfig({ testTimeout: timeout });

describe.each([
  ['bytes', damage.map((changes) => (der: Buffer) => damaged(der, changes))],
  ['elements', rearrangement.map((changes) => (der: Buffer) => rearranged(der, changes))],
])('with changed %s', (_, changes) => {
  test('a request is refused with an X509Error, or is DER that OpenSSL reads too', () => {
    expectChangedRequestsReadAlike(requests, changes);
  });

  test('a certificate is refused with an X509Error, or OpenSSL reads it too and it can be written again as it was', () => {
    const accepted: Buffer[] = [];
    assertAlways(
      fc.property(fc.constantFrom(...certificates), changes, (der, change) => {
        const bytes = change(der);
        const certificate = attempt(() => parseCertificate(bytes));
        if (certificate === undefined) return;
        expectCanonical(bytes);
        expectReadByNode(certificate);
        if (certificate.extensions.length > 0)
          expect(rewritten(certificate).toString('hex')).toBe(bytes.toString('hex'));
        expectValuesRewritten(certificate);
        accepted.push(bytes);
      }),
    );
    expect(accepted.length).toBeGreaterThan(20);
    // Node's was asked about each; that of the machine is another one.
    for (const der of accepted.slice(0, 20))
      expect(opensslReadsCertificate(der), der.toString('hex')).toBe(true);
  });
});

test('a reader that let BER through would be seen: the canonical form differs', () => {
  const forms = [
    '3081020500',
    '0202007f',
    '3003010101',
    '300a0603551d0f0101000400',
    '03020301',
    '3106020102020101',
  ];
  for (const ber of forms.map((hex) => Buffer.from(hex, 'hex'))) {
    const tree = parseBer(ber);
    expect(tree === undefined ? undefined : canonical(tree)).not.toEqual(ber);
  }
});
