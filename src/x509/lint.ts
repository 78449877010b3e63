import { hash } from 'node:crypto';
import { type DerReader, readDer } from '#x509/der/reader.ts';
import { type X509Code, X509Error } from '#x509/error.ts';
import type { ExtendedKeyUsage, KeyUsage } from '#x509/key-usage.ts';
import type { SignatureAlgorithm } from '#x509/signature-algorithm.ts';

// Boulder's rule: what is signed is first read back by other code. So this file takes only types from the files that
// write certificates; the numbers below are spelled out again from the standards, and the reader is the strict one.

/** Everything that was approved for one leaf. Buffers are compared byte by byte. */
export interface ApprovedLeaf {
  /** Unsigned big-endian. */
  readonly serial: Buffer;
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** DER Name: the subject of the issuing certificate. */
  readonly issuer: Buffer;
  /** Subject key id of the issuing certificate, in hex. */
  readonly authorityKeyId: string;
  /** Whole seconds since the epoch. */
  readonly notBefore: number;
  /** Whole seconds since the epoch. */
  readonly notAfter: number;
  readonly spiffeUri: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
}

const signatureAlgorithms: Readonly<Record<SignatureAlgorithm, Buffer>> = {
  'ecdsa-with-SHA256': Buffer.from('300a06082a8648ce3d040302', 'hex'),
  'ecdsa-with-SHA384': Buffer.from('300a06082a8648ce3d040303', 'hex'),
  'ecdsa-with-SHA512': Buffer.from('300a06082a8648ce3d040304', 'hex'),
  Ed25519: Buffer.from('300506032b6570', 'hex'),
  sha256WithRSAEncryption: Buffer.from('300d06092a864886f70d01010b0500', 'hex'),
  sha384WithRSAEncryption: Buffer.from('300d06092a864886f70d01010c0500', 'hex'),
  sha512WithRSAEncryption: Buffer.from('300d06092a864886f70d01010d0500', 'hex'),
};

const keyUsageBits: Readonly<Record<KeyUsage, number>> = {
  digitalSignature: 0x001,
  nonRepudiation: 0x002,
  keyEncipherment: 0x004,
  dataEncipherment: 0x008,
  keyAgreement: 0x010,
  keyCertSign: 0x020,
  cRLSign: 0x040,
  encipherOnly: 0x080,
  decipherOnly: 0x100,
};

/** X509-SVID §4.3: a leaf may have these three, and must have the first. */
const leafKeyUsageBits = 0x001 | 0x004 | 0x010;

const purposes: Readonly<Record<ExtendedKeyUsage, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  anyExtendedKeyUsage: '2.5.29.37.0',
};

/** SPIFFE-ID §2: lower-case scheme and trust domain, at least one segment, none of them `.` or `..`. */
const leafSpiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;

interface ExtensionRule {
  readonly oid: string;
  readonly name: string;
  /** Undefined where the standards leave it open. */
  readonly critical: boolean | undefined;
  readonly required: boolean;
  readonly check: (value: DerReader, approved: ApprovedLeaf) => void;
}

/** Every extension that a leaf may have. */
const rules: readonly ExtensionRule[] = [
  { oid: '2.5.29.15', name: 'keyUsage', critical: true, required: true, check: checkKeyUsage },
  { oid: '2.5.29.37', name: 'extendedKeyUsage', critical: false, required: false, check: checkPurposes },
  {
    oid: '2.5.29.19',
    name: 'basicConstraints',
    critical: undefined,
    required: false,
    check: checkConstraints,
  },
  {
    oid: '2.5.29.14',
    name: 'subjectKeyIdentifier',
    critical: false,
    required: false,
    check: checkSubjectKeyId,
  },
  {
    oid: '2.5.29.35',
    name: 'authorityKeyIdentifier',
    critical: false,
    required: true,
    check: checkIssuerKeyId,
  },
  { oid: '2.5.29.17', name: 'subjectAltName', critical: true, required: true, check: checkSubjectAltName },
];

const emptySequence = Buffer.from('3000', 'hex');

/**
 * Refuses the bytes of a TBSCertificate that are not a leaf by RFC 5280 and X509-SVID, or that differ in anything from
 * what was approved. Throws `LINT_*`: a bug on our side, whatever was asked for.
 */
export function lintLeaf(tbs: Buffer, approved: ApprovedLeaf): void {
  try {
    readDer(tbs, (outer) => outer.within(0x30, (fields) => checkFields(fields, approved)));
  } catch (error) {
    if (!(error instanceof X509Error) || error.code.startsWith('LINT_')) throw error;
    // The reader's own codes blame the requester; these bytes are ours.
    throw new X509Error('LINT_MALFORMED', `our own certificate is malformed: ${error.message}`, {
      cause: error,
    });
  }
}

function checkFields(fields: DerReader, approved: ApprovedLeaf): void {
  const version = fields.within(0xa0, readSmallInteger);
  if (version !== 2) throw finding('LINT_VERSION', `version ${version + 1}, not 3`);
  checkSerial(fields.integer(), approved);
  if (!fields.accept(signatureAlgorithms[approved.signatureAlgorithm])) {
    throw finding('LINT_SIGNATURE_ALGORITHM', `${hexOfNext(fields)}, not ${approved.signatureAlgorithm}`);
  }
  if (approved.issuer.length <= emptySequence.length || !fields.accept(approved.issuer))
    throw finding('LINT_ISSUER', hexOfNext(fields));
  fields.within(0x30, (validity) => checkValidity(validity, approved));
  if (!fields.accept(emptySequence)) throw finding('LINT_SUBJECT', `${hexOfNext(fields)}, not empty`);
  if (!fields.accept(approved.spki)) throw finding('LINT_PUBLIC_KEY', 'a key that was not approved');
  fields.within(0xa3, (inner) => inner.within(0x30, (list) => checkExtensions(list, approved)));
}

function readSmallInteger(reader: DerReader): number {
  return reader.smallInteger();
}

function hexOfNext(reader: DerReader): string {
  return reader.element(0x30).toString('hex');
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function checkSerial(contents: Buffer, approved: ApprovedLeaf): void {
  const found = withoutLeadingZeros(contents);
  const isPositive = found.length > 0 && contents.readUInt8(0) < 0x80;
  const isApproved = found.equals(withoutLeadingZeros(approved.serial));
  if (!isPositive || contents.length > 20 || !isApproved)
    throw finding('LINT_SERIAL', contents.toString('hex'));
}

function withoutLeadingZeros(number: Buffer): Buffer {
  let start = 0;
  while (number[start] === 0) start += 1;
  return start === 0 ? number : number.subarray(start);
}

function checkValidity(validity: DerReader, approved: ApprovedLeaf): void {
  const notBefore = validity.time();
  const notAfter = validity.time();
  const isApproved = notBefore === approved.notBefore && notAfter === approved.notAfter;
  if (isApproved && notBefore < notAfter) return;
  const wanted = `${approved.notBefore} to ${approved.notAfter}`;
  throw finding('LINT_VALIDITY', `${notBefore} to ${notAfter}, not ${wanted}`);
}

function checkExtensions(list: DerReader, approved: ApprovedLeaf): void {
  /** Bit n: rule n was met. */
  let seen = 0;
  while (!list.atEnd) {
    const bit = list.within(0x30, (extension) => checkExtension(extension, approved));
    if ((seen & bit) !== 0) throw finding('LINT_EXTENSION_DUPLICATE', 'an extension twice');
    seen |= bit;
  }
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index];
    if (rule === undefined || (seen & (1 << index)) !== 0) continue;
    const required =
      rule.required || (rule.name === 'extendedKeyUsage' && approved.extendedKeyUsage.length > 0);
    if (required) throw finding('LINT_EXTENSION_MISSING', `no ${rule.name}`);
  }
}

/** The bit of the rule that the extension keeps. */
function checkExtension(extension: DerReader, approved: ApprovedLeaf): number {
  const oid = extension.oid();
  const critical = extension.booleanOrFalse();
  const index = rules.findIndex((rule) => rule.oid === oid);
  const rule = rules[index];
  if (rule === undefined) throw finding('LINT_EXTENSION_UNEXPECTED', `the extension ${oid}`);
  if (rule.critical !== undefined && rule.critical !== critical)
    throw finding('LINT_CRITICALITY', `${rule.name} with critical = ${critical}`);
  extension.within(0x04, (value) => rule.check(value, approved));
  return 1 << index;
}

function checkKeyUsage(value: DerReader, approved: ApprovedLeaf): void {
  const bits = value.namedBits();
  let wanted = 0;
  for (const usage of approved.keyUsage) wanted |= keyUsageBits[usage];
  const ofLeaf = (bits & ~leafKeyUsageBits) === 0 && (bits & keyUsageBits.digitalSignature) !== 0;
  if (!ofLeaf || bits !== wanted)
    throw finding('LINT_KEY_USAGE', `bits 0x${bits.toString(16)}, not 0x${wanted.toString(16)}`);
}

function checkPurposes(value: DerReader, { extendedKeyUsage }: ApprovedLeaf): void {
  /** Bit n: the approved purpose n was met. */
  let seen = 0;
  value.within(0x30, (list) => {
    while (!list.atEnd) {
      const oid = list.oid();
      const isTls = oid === purposes.serverAuth || oid === purposes.clientAuth;
      const index = extendedKeyUsage.findIndex((purpose) => purposes[purpose] === oid);
      const isNew = index >= 0 && (seen & (1 << index)) === 0;
      if (!isTls || !isNew) throw finding('LINT_EXTENDED_KEY_USAGE', `the purpose ${oid}`);
      seen |= 1 << index;
    }
  });
  const all = (1 << extendedKeyUsage.length) - 1;
  if (seen !== all || all === 0)
    throw finding('LINT_EXTENDED_KEY_USAGE', `not each of the purposes "${extendedKeyUsage.join(', ')}"`);
}

function checkConstraints(value: DerReader): void {
  const contents = value.hex(0x30);
  if (contents !== '') throw finding('LINT_BASIC_CONSTRAINTS', `${contents} on a leaf`);
}

/** RFC 7093 §2, method 1, over the key that was approved. */
function checkSubjectKeyId(value: DerReader, approved: ApprovedLeaf): void {
  const bits = readDer(approved.spki, (outer) => outer.within(0x30, readKeyBits));
  const wanted = hash('sha256', bits).slice(0, 40);
  const found = value.hex(0x04);
  if (found !== wanted) throw finding('LINT_SUBJECT_KEY_ID', `${found}, not ${wanted}`);
}

function readKeyBits(info: DerReader): Buffer {
  info.element(0x30);
  return info.bitString();
}

function checkIssuerKeyId(value: DerReader, approved: ApprovedLeaf): void {
  const found = value.within(0x30, (fields) => fields.hex(0x80));
  const wanted = approved.authorityKeyId;
  if (found === '' || found !== wanted) throw finding('LINT_AUTHORITY_KEY_ID', `${found}, not ${wanted}`);
}

/** X509-SVID §2 and §3.1: exactly one URI; other kinds of names are never approved. */
function checkSubjectAltName(value: DerReader, approved: ApprovedLeaf): void {
  const uri = value.within(0x30, (names) => names.latin1(0x86));
  if (uri !== approved.spiffeUri || uri.length > 2048 || !leafSpiffeId.test(uri))
    throw finding('LINT_SUBJECT_ALT_NAME', JSON.stringify(uri));
}

function finding(code: X509Code, found: string): X509Error {
  return new X509Error(code, `our own certificate has ${found}`);
}
