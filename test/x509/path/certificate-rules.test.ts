import { describe, expect, test } from 'vitest';
import type { X509Code } from '#x509/error.ts';
import type { PathPurpose } from '#x509/path/certificate-rules.ts';
import { validatePath } from '#x509/path/validation.ts';
import { day, start } from '../support/chain.ts';
import { OID, seq, TRUE } from '../support/der.ts';
import { refusalOf } from '../support/refusal.ts';
import { extension } from '../support/request.ts';
import { constraints, dns } from './support/constraints.ts';
import { intermediate, leaf, now, root, type Wanted } from './support/issued.ts';

interface Line {
  readonly root?: Wanted;
  readonly intermediate?: Wanted;
  readonly leaf?: Wanted;
  readonly at?: number;
  readonly purpose?: PathPurpose;
}

/** Codes of the refusal of a root, an intermediate and a leaf that differ from good ones as the line says. */
function codes(line: Line): X509Code[] {
  const anchor = root(line.root);
  const middle = intermediate(anchor, line.intermediate);
  const answer = validatePath({
    leaf: leaf(middle, line.leaf).certificate,
    intermediates: [middle.certificate],
    anchors: [anchor.certificate],
    at: line.at ?? now,
    purpose: line.purpose ?? 'serverAuth',
  });
  if (answer.valid) return [];
  expect(answer.faults.every(({ message }) => message.length > 20)).toBe(true);
  return answer.faults.map(({ code }) => code);
}

const unknown = extension('06032a0304', seq(), TRUE);
const harmless = extension('06032a0304', seq());
const policyConstraints = extension('0603551d24', seq(Buffer.from('800100', 'hex')));
const inhibitAnyPolicy = extension('0603551d36', Buffer.from('020100', 'hex'), TRUE);
const criticalKeyId = extension(OID.subjectKeyId, Buffer.from('0401aa', 'hex'), TRUE);
const dnsOnly = [{ kind: 'dns', value: 'web.example.com' }] as const;

describe('chains that hold', () => {
  const lines: readonly (readonly [string, Line])[] = [
    ['as they are made here', {}],
    ['for the other end', { purpose: 'clientAuth' }],
    ['in the first second', { at: start }],
    ['in the last second', { at: start + 30 * day }],
    ['with an unknown extension that is not critical', { leaf: { extra: [harmless] } }],
    ['with any purpose', { leaf: { purposes: ['anyExtendedKeyUsage'] } }],
    ['without purposes', { leaf: { purposes: undefined } }],
    ['with the purpose in the authority, too', { intermediate: { purposes: ['serverAuth', 'codeSigning'] } }],
    ['without key usages', { leaf: { keyUsage: undefined }, intermediate: { keyUsage: undefined } }],
    ['without basic constraints in the leaf', { leaf: { ca: undefined } }],
    ['with a path length that is kept', { root: { pathLength: 1 }, intermediate: { pathLength: 0 } }],
    [
      'with a self-issued intermediate, which does not count',
      { root: { pathLength: 0 }, intermediate: { name: 'root' } },
    ],
    ['with a subject, and names that are not critical', { leaf: { name: 'web', names: dnsOnly } }],
  ];
  test.each(lines)('%s', (_, line) => expect(codes(line)).toEqual([]));
});

describe('chains that do not', () => {
  const lines: readonly (readonly [string, X509Code, Line])[] = [
    ['a second too early', 'PATH_NOT_YET_VALID', { at: start - 1 }],
    ['a second too late', 'PATH_EXPIRED', { at: start + 30 * day + 1 }],
    ['expired intermediate', 'PATH_EXPIRED', { intermediate: { notAfter: now - 1 } }],
    ['intermediate of the future', 'PATH_NOT_YET_VALID', { intermediate: { notBefore: now + 1 } }],
    ['expired root', 'PATH_EXPIRED', { root: { notAfter: now - 1 } }],
    ['root of the future', 'PATH_NOT_YET_VALID', { root: { notBefore: now + 1 } }],
    ['intermediate that is no CA', 'PATH_NOT_A_CA', { intermediate: { ca: false } }],
    ['intermediate without basic constraints', 'PATH_NOT_A_CA', { intermediate: { ca: undefined } }],
    ['root without basic constraints', 'PATH_NOT_A_CA', { root: { ca: undefined } }],
    [
      'intermediate whose basic constraints are not critical',
      'PATH_CRITICALITY',
      { intermediate: { basicConstraintsCritical: false } },
    ],
    [
      'root whose basic constraints are not critical',
      'PATH_CRITICALITY',
      { root: { basicConstraintsCritical: false } },
    ],
    ['intermediate without keyCertSign', 'PATH_KEY_USAGE', { intermediate: { keyUsage: ['cRLSign'] } }],
    ['root without keyCertSign', 'PATH_KEY_USAGE', { root: { keyUsage: ['digitalSignature'] } }],
    ['leaf without digitalSignature', 'PATH_KEY_USAGE', { leaf: { keyUsage: ['keyAgreement'] } }],
    ['leaf that is a CA', 'PATH_LEAF_IS_CA', { leaf: { ca: true } }],
    [
      'leaf that may sign certificates',
      'PATH_LEAF_IS_CA',
      { leaf: { keyUsage: ['digitalSignature', 'keyCertSign'] } },
    ],
    [
      'leaf that may sign revocation lists',
      'PATH_LEAF_IS_CA',
      { leaf: { keyUsage: ['digitalSignature', 'cRLSign'] } },
    ],
    [
      'leaf with name constraints',
      'PATH_LEAF_IS_CA',
      { leaf: { extra: [constraints({ permitted: [dns('example.com')] })] } },
    ],
    ['path length of the root', 'PATH_LENGTH_EXCEEDED', { root: { pathLength: 0 } }],
    ['server as a client', 'PATH_PURPOSE', { purpose: 'clientAuth', leaf: { purposes: ['serverAuth'] } }],
    ['client as a server', 'PATH_PURPOSE', { leaf: { purposes: ['clientAuth'] } }],
    ['intermediate for clients only', 'PATH_PURPOSE', { intermediate: { purposes: ['clientAuth'] } }],
    ['root for code only', 'PATH_PURPOSE', { root: { purposes: ['codeSigning'] } }],
    ['unknown critical extension, leaf', 'PATH_EXTENSION_UNKNOWN', { leaf: { extra: [unknown] } }],
    ['the same, intermediate', 'PATH_EXTENSION_UNKNOWN', { intermediate: { extra: [unknown] } }],
    ['the same, root', 'PATH_EXTENSION_UNKNOWN', { root: { extra: [unknown] } }],
    [
      'policy constraints, although not critical',
      'PATH_EXTENSION_UNKNOWN',
      { intermediate: { extra: [policyConstraints] } },
    ],
    ['inhibited policies', 'PATH_EXTENSION_UNKNOWN', { root: { extra: [inhibitAnyPolicy] } }],
    [
      'critical key id',
      'PATH_CRITICALITY',
      { intermediate: { subjectKeyId: false, extra: [criticalKeyId] } },
    ],
    [
      'no subject, and names that are not critical',
      'PATH_CRITICALITY',
      { leaf: { namesCritical: false, names: dnsOnly } },
    ],
    ['no subject and no names', 'PATH_CRITICALITY', { leaf: { names: [] } }],
    ['leaf without authority key id', 'PATH_KEY_ID_MISSING', { leaf: { authorityKeyId: false } }],
    [
      'intermediate without authority key id',
      'PATH_KEY_ID_MISSING',
      { intermediate: { authorityKeyId: false } },
    ],
    ['intermediate without subject key id', 'PATH_KEY_ID_MISSING', { intermediate: { subjectKeyId: false } }],
    ['root without subject key id', 'PATH_KEY_ID_MISSING', { root: { subjectKeyId: false } }],
    [
      'name constraints without meaning',
      'NAME_CONSTRAINTS_INVALID',
      { root: { extra: [constraints({ permitted: [dns('.example.com')] })] } },
    ],
  ];
  test.each(lines)('%s: %s', (_, code, line) => expect(codes(line)).toEqual([code]));

  test('all that is wrong with one certificate is said at once', () => {
    const wrong: Wanted = { notAfter: now - 1, keyUsage: ['cRLSign'], purposes: ['clientAuth'] };
    expect(codes({ intermediate: wrong })).toEqual(['PATH_EXPIRED', 'PATH_PURPOSE', 'PATH_KEY_USAGE']);
  });

  test('an authority without a name has nothing below it: a certificate without issuer is not read', () => {
    const unnamed = intermediate(root(), { name: [] });
    expect(refusalOf(() => leaf(unnamed))).toBe('CERTIFICATE_ISSUER_EMPTY');
  });
});
