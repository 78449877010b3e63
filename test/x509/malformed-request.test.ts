import { describe, expect, test } from 'vitest';
import type { X509Code } from '#x509/error.ts';
import { accept } from './support/accept.ts';
import {
  algorithm,
  ascii,
  bits,
  contentsOf,
  int,
  NULL,
  OID,
  seq,
  set,
  tlv,
  withIndefiniteLength,
  withLongLength,
} from './support/der.ts';
import { refusalOf } from './support/refusal.ts';
import {
  altNames,
  exampleId,
  extensionRequest,
  requestInfo,
  requestWith,
  signedRequest,
  uriName,
} from './support/request.ts';

const san = altNames(uriName(exampleId));
const withAttributes = (...attributes: readonly Buffer[]): Buffer => signedRequest({ attributes });

test('the same builder makes a request that is accepted', () => {
  expect(accept(signedRequest()).subjectAltNames).toEqual([{ kind: 'uri', value: exampleId }]);
});

describe('correctly signed, malformed on purpose', () => {
  const cases: readonly (readonly [string, X509Code, () => Buffer])[] = [
    ['empty', 'DER_TRUNCATED', () => Buffer.alloc(0)],
    ['garbage', 'DER_TAG_UNEXPECTED', () => Buffer.from('garbage')],
    ['cut off', 'DER_TRUNCATED', () => signedRequest().subarray(0, -1)],
    [
      'trailing bytes after the request',
      'DER_TRAILING_BYTES',
      () => Buffer.concat([signedRequest(), Buffer.from([0])]),
    ],
    [
      'trailing element within the request',
      'DER_TRAILING_BYTES',
      () => seq(contentsOf(signedRequest()), NULL),
    ],
    [
      'trailing element within the signed part',
      'DER_TRAILING_BYTES',
      () => signedRequest({}, seq(contentsOf(requestInfo()), NULL)),
    ],
    ['indefinite outer length', 'DER_LENGTH_INDEFINITE', () => withIndefiniteLength(signedRequest())],
    [
      'indefinite inner length',
      'DER_LENGTH_INDEFINITE',
      () => signedRequest({}, withIndefiniteLength(requestInfo())),
    ],
    ['outer length not minimal', 'DER_LENGTH_NOT_MINIMAL', () => withLongLength(signedRequest())],
    [
      'inner length not minimal',
      'DER_LENGTH_NOT_MINIMAL',
      () => signedRequest({ subject: Buffer.from('308100', 'hex') }),
    ],
    [
      'length of 127 octets',
      'DER_TRUNCATED',
      () => Buffer.concat([Buffer.from('30ff', 'hex'), signedRequest()]),
    ],
    [
      'tag of several bytes',
      'DER_TAG_LONG_FORM',
      () => withAttributes(seq(OID.unstructuredName, set(Buffer.from('1f8a3900', 'hex')))),
    ],
    [
      'constructed string',
      'DER_TAG_UNEXPECTED',
      () => withAttributes(seq(OID.unstructuredName, set(tlv(0x2c, ascii(0x0c, 'a'))))),
    ],
    [
      'nested 17 levels deep',
      'DER_TOO_DEEP',
      () => withAttributes(seq(OID.unstructuredName, set(nested(17)))),
    ],
    ['version 7', 'CSR_VERSION_UNSUPPORTED', () => signedRequest({ version: int('06') })],
    ['version as padded integer', 'DER_INTEGER_NOT_MINIMAL', () => signedRequest({ version: int('0000') })],
    ['version without contents', 'DER_INTEGER_INVALID', () => signedRequest({ version: int('') })],
    ['negative version', 'DER_INTEGER_INVALID', () => signedRequest({ version: int('ff') })],
    ['no attributes element', 'DER_TRUNCATED', () => signedRequest({ attributeSet: Buffer.alloc(0) })],
    [
      'two SAN extensions',
      'EXTENSION_DUPLICATE',
      () => requestWith(san, altNames(uriName('spiffe://cluster.local/other'))),
    ],
    ['two extensionRequest attributes', 'CSR_ATTRIBUTE_DUPLICATE', () => twoExtensionRequests()],
    [
      'extensionRequest of two values',
      'CSR_ATTRIBUTE_INVALID',
      () => withAttributes(seq(OID.extensionRequest, set(seq(san), seq(san)))),
    ],
    [
      'extensionRequest without value',
      'CSR_ATTRIBUTE_INVALID',
      () => withAttributes(seq(OID.extensionRequest, set())),
    ],
    ['extensionRequest without extensions', 'EXTENSIONS_EMPTY', () => requestWith()],
    [
      'an attribute without value',
      'CSR_ATTRIBUTE_INVALID',
      () => withAttributes(seq(OID.unstructuredName, set())),
    ],
    ['attributes out of order', 'DER_SET_ORDER', () => outOfOrder()],
    ['17 attributes', 'CSR_ATTRIBUTES_TOO_MANY', () => withAttributes(...manyAttributes(17))],
    [
      'challenge password',
      'CSR_CHALLENGE_PASSWORD',
      () => withAttributes(seq(OID.challengePassword, set(ascii(0x0c, 'secret')))),
    ],
    ['signature with 3 unused bits', 'DER_BIT_STRING_UNUSED_BITS', () => signedRequest({ unusedBits: 3 })],
    [
      'signature with 8 unused bits',
      'DER_BIT_STRING_INVALID',
      () => seq(requestInfo(), algorithm.ecdsaSha256, bits(8, '00')),
    ],
    [
      'signature with padding that is not zero',
      'DER_BIT_STRING_INVALID',
      () => seq(requestInfo(), algorithm.ecdsaSha256, bits(3, '0f')),
    ],
    [
      'signature without even the padding octet',
      'DER_BIT_STRING_INVALID',
      () => seq(requestInfo(), algorithm.ecdsaSha256, tlv(3)),
    ],
    [
      'NULL parameters on ECDSA',
      'SIGNATURE_PARAMETERS_INVALID',
      () => signedRequest({ algorithm: algorithm.ecdsaSha256WithNull }),
    ],
    [
      'ECDSA with SHA-1',
      'SIGNATURE_ALGORITHM_UNSUPPORTED',
      () => signedRequest({ hash: 'sha1', algorithm: algorithm.ecdsaSha1 }),
    ],
  ];
  test.each(cases)('%s: %s', (_, code, der) => {
    const bytes = der();
    expect(refusalOf(() => accept(bytes))).toBe(code);
  });
});

function nested(levels: number): Buffer {
  let element: Buffer = NULL;
  for (let level = 0; level < levels; level++) element = seq(element);
  return element;
}

const bySetOrder = (a: Buffer, b: Buffer): number => Buffer.compare(a, b);

function twoExtensionRequests(): Buffer {
  const attributes = [
    extensionRequest(san),
    extensionRequest(altNames(uriName('spiffe://cluster.local/other'))),
  ];
  return withAttributes(...attributes.sort(bySetOrder));
}

function outOfOrder(): Buffer {
  const attributes = [extensionRequest(san), seq(OID.unstructuredName, set(ascii(0x0c, 'a')))];
  return withAttributes(...attributes.sort(bySetOrder).toReversed());
}

function manyAttributes(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => seq(tlv(0x06, Buffer.from([0x2a, n])), set(NULL)));
}
