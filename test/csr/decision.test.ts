import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCertificateAuthoritySpec } from '#ca/authority/resource.ts';
import type { LeafRequest } from '#ca/issuance/prepare.ts';
import { leafProfile } from '#ca/issuance/profile.ts';
import { type Decision, decide, provenLeaf } from '#csr/signing-request/decision.ts';
import type { SigningRequest } from '#csr/signing-request/signing-request.ts';
import { errorCode, errorRow } from '#errors/error.ts';
import { encodePem } from '#x509/pem.ts';
import { ascii, bits, OID, octets, seq, set, TRUE, tlv } from '../x509/support/der.ts';
import {
  altNames,
  extension,
  extensionRequest,
  p256,
  requestWith,
  signedRequest,
  spkiOf,
  uriName,
} from '../x509/support/request.ts';
import { requestOf, signingRequest } from './support/signing-request.ts';

const profile = leafProfile(
  parseCertificateAuthoritySpec({ trustDomain: 'east.test', signerNames: ['mangrove.dev/workload'] }),
  86_400,
);
const ownId = 'spiffe://east.test/ns/shop/sa/web';
const plain = (): Buffer => signedRequest({ attributes: [] });
const withUri = (uri: string): Buffer => requestWith(altNames(uriName(uri)));
const rsa = (bits: number, publicExponent = 65537): Buffer => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits, publicExponent });
  return signedRequest({
    attributes: [],
    spki: spkiOf(publicKey),
    key: privateKey,
    algorithm: seq('06092a864886f70d01010b', '0500'),
  });
};
const commonName = (value: string): Buffer => seq(set(seq('0603550403', ascii(0x0c, value))));

/** Both steps, as if the requester were found alive between them. */
function judge(request: SigningRequest): { identity: Decision['identity']; leaf: LeafRequest } {
  const decision = decide(request, profile);
  return { identity: decision.identity, leaf: provenLeaf(request, decision) };
}

function refusalOf(act: () => unknown): { code: string | undefined; fault: string } {
  try {
    act();
  } catch (error) {
    return { code: errorCode(error), fault: errorRow(error).fault };
  }
  throw new Error('it was accepted');
}

describe('a request is granted', () => {
  test.each([
    ['without any name', plain()],
    ['with its own SPIFFE ID', withUri(ownId)],
    [
      'with its user name as CN',
      signedRequest({ attributes: [], subject: commonName('system:serviceaccount:shop:web') }),
    ],
    ['with a key usage that spec.usages lists', requestWith(extension(OID.keyUsage, bits(7, '80'), TRUE))],
  ])('%s', (_case, der) => {
    const { identity, leaf } = judge(signingRequest(der));
    expect(identity.serviceAccount).toEqual({ name: 'web', uid: 's-1' });
    expect(leaf).toMatchObject({
      id: { uri: ownId },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
      lifetime: undefined,
      frontDoor: 'csr',
      requestUid: 'r-1',
    });
    expect(leaf.publicKey.spki.equals(spkiOf(p256.publicKey))).toBe(true);
  });

  test('for the seconds that it asks for', () => {
    expect(judge(signingRequest(plain(), { expirationSeconds: 600 })).leaf.lifetime).toBe(600);
  });
});

const tooManyNames = Array.from({ length: 10_000 }, (_, index) => uriName(`spiffe://east.test/x/${index}`));
const badSignature = (): Buffer => {
  const der = Buffer.from(plain());
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  return der;
};

describe('bytes that no request may have are refused, each by its own code', () => {
  test.each([
    ['empty', () => requestOf(''), 'PEM_NO_BLOCK'],
    ['garbage', () => requestOf('garbage'), 'PEM_NO_BLOCK'],
    ['PEM of something else', () => requestOf(encodePem('CERTIFICATE', plain())), 'PEM_LABEL_UNEXPECTED'],
    ['a private key', () => requestOf(encodePem('PRIVATE KEY', Buffer.alloc(32))), 'PEM_LABEL_UNEXPECTED'],
    ['two requests', () => requestOf(encodePem('CERTIFICATE REQUEST', plain()).repeat(2)), 'CSR_ENCODING'],
    ['trailing bytes', () => signingRequest(Buffer.concat([plain(), Buffer.alloc(1)])), 'DER_TRAILING_BYTES'],
    [
      'another version',
      () => signingRequest(signedRequest({ version: Buffer.from('020106', 'hex') })),
      'CSR_VERSION_UNSUPPORTED',
    ],
    [
      'two SAN extensions',
      () => signingRequest(requestWith(altNames(uriName(ownId)), altNames(uriName(ownId)))),
      'EXTENSION_DUPLICATE',
    ],
    [
      'two extensionRequest attributes',
      () =>
        signingRequest(
          signedRequest({
            attributes: [
              extensionRequest(altNames(uriName(ownId))),
              extensionRequest(extension(OID.keyUsage, bits(7, '80'))),
            ],
          }),
        ),
      'CSR_ATTRIBUTE_DUPLICATE',
    ],
    [
      '17 KiB',
      () => signingRequest(requestWith(extension('06032a0304', octets(Buffer.alloc(17 * 1024))))),
      'CSR_TOO_LARGE',
    ],
    ['10,000 names', () => signingRequest(requestWith(altNames(...tooManyNames))), 'CSR_ENCODING'],
    ['a bad signature', () => signingRequest(badSignature()), 'CSR_SIGNATURE_INVALID'],
    ['RSA-1024', () => signingRequest(rsa(1024)), 'KEY_RSA_SIZE'],
    ['RSA with e = 3', () => signingRequest(rsa(2048, 3)), 'KEY_RSA_EXPONENT'],
  ])('%s', (_case, make, code) => {
    const request = make();
    expect(refusalOf(() => judge(request))).toEqual({ code, fault: 'requester' });
  });
});

describe('names that are not the requester’s own are refused', () => {
  test.each([
    ['of another service account', withUri('spiffe://east.test/ns/shop/sa/admin'), 'CSR_NAME_NOT_OWN'],
    ['of another namespace', withUri('spiffe://east.test/ns/bank/sa/web'), 'CSR_NAME_NOT_OWN'],
    ['of another trust domain', withUri('spiffe://west.test/ns/shop/sa/web'), 'CSR_NAME_NOT_OWN'],
    ['under /mangrove/', withUri('spiffe://east.test/mangrove/probe'), 'CSR_NAME_NOT_OWN'],
    ['in upper case', withUri('SPIFFE://east.test/ns/shop/sa/web'), 'SPIFFE_SCHEME_INVALID'],
    ['with dots', withUri('spiffe://east.test/ns/shop/sa/../admin'), 'SPIFFE_PATH_DOT_SEGMENT'],
    ['with %2e', withUri('spiffe://east.test/ns/shop/sa/%2e%2e'), 'SPIFFE_PATH_CHARACTER'],
    ['with a NUL byte', withUri(`${ownId}\0`), 'GENERAL_NAME_NOT_PRINTABLE'],
    ['twice its own', requestWith(altNames(uriName(ownId), uriName(ownId))), 'CSR_NAME_NOT_OWN'],
    [
      'a DNS name beside its own',
      requestWith(altNames(uriName(ownId), ascii(0x82, 'web.shop.svc'))),
      'CSR_NAME_NOT_OWN',
    ],
    ['an IP address', requestWith(altNames(tlv(0x87, '0a000001'))), 'CSR_NAME_NOT_OWN'],
    ['a mail address', requestWith(altNames(ascii(0x81, 'a@example.com'))), 'CSR_NAME_NOT_OWN'],
    ['a foreign CN', signedRequest({ attributes: [], subject: commonName('admin') }), 'CSR_SUBJECT_NOT_OWN'],
    [
      'two CNs',
      signedRequest({
        attributes: [],
        subject: seq(set(seq('0603550403', ascii(0x0c, ownId))), set(seq('0603550403', ascii(0x0c, ownId)))),
      }),
      'CSR_SUBJECT_NOT_OWN',
    ],
    ['CA:TRUE', requestWith(extension(OID.basicConstraints, seq(TRUE), TRUE)), 'CSR_CA_ASKED'],
  ])('%s', (_case, der, code) => {
    expect(refusalOf(() => judge(signingRequest(der)))).toEqual({ code, fault: 'requester' });
  });
});

describe('usages', () => {
  test.each([
    ['that nobody knows', ['digital signature', 'flying'], 'CA_USAGE_UNKNOWN'],
    ['that only an authority has', ['digital signature', 'cert sign'], 'CA_USAGE_UNKNOWN'],
    ['any', ['any'], 'CA_USAGE_UNKNOWN'],
  ])('%s are refused', (_case, usages, code) => {
    expect(refusalOf(() => judge(signingRequest(plain(), { usages })))).toEqual({
      code,
      fault: 'requester',
    });
  });

  test('of the request that spec.usages does not list are refused: nobody approved them', () => {
    const der = requestWith(extension(OID.extendedKeyUsage, seq('06082b06010505070303')));
    expect(refusalOf(() => judge(signingRequest(der))).code).toBe('CSR_USAGE_MISMATCH');
  });
});
