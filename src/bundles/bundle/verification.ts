import { spiffeTrustDomain } from '#bundles/bundle/anchor.ts';
import {
  type CertificateHolding,
  fingerprint,
  type Refusal,
  readCertificate,
  timeText,
} from '#bundles/bundle/holding.ts';
import { errorCode, errorMessage, errorRow, MangroveError } from '#errors/error.ts';
import { type Certificate, isSelfIssued } from '#x509/certificate.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { formatName } from '#x509/name.ts';
import type { PathPurpose } from '#x509/path/certificate-rules.ts';
import type { ExpectedName } from '#x509/path/expected-name.ts';
import { type PathAnswer, validatePath } from '#x509/path/validation.ts';

export interface VerificationQuestion {
  /** DER: the leaf first, then what it was sent with. */
  readonly presented: readonly Buffer[];
  readonly bundle: CertificateHolding;
  /** Epoch seconds. */
  readonly at: number;
  /** Whom the leaf must name; a host name asks for a server. */
  readonly expected: ExpectedName | undefined;
}

export interface Verification {
  readonly valid: boolean;
  readonly place: string;
  readonly at: string;
  /** What it verifies for; none when it does not. */
  readonly purposes: readonly PathPurpose[];
  /** From the leaf to the root, or as far as the best attempt got. */
  readonly chain: readonly Link[];
  readonly faults: readonly Fault[];
  /** Certificates that the strict reader refuses, and which therefore took no part. */
  readonly leftOut: readonly LeftOut[];
}

interface Link {
  readonly sha256: string;
  readonly subject: string;
  readonly names: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
}

interface Fault extends Refusal {
  readonly fix: string;
}

interface LeftOut extends Refusal {
  /** `bundle`, or `presented` with the leaf. */
  readonly from: 'bundle' | 'presented';
  readonly sha256: string;
}

/**
 * Whether a peer that trusts the bundle would take the leaf. Only self-issued certificates of a bundle are trusted, others in it
 * help to build the chain: so it is with OpenSSL, and a bundle of ours holds roots only.
 */
export function verifyAgainst({ presented, bundle, at, expected }: VerificationQuestion): Verification {
  const [first, ...others] = presented;
  const leaf = first === undefined ? noLeaf : readCertificate(first);
  const trusted = readAll('bundle', bundle.certificates);
  const sent = readAll('presented', others);
  const context = {
    place: bundle.place,
    at: timeText(at),
    leftOut: [...trusted.leftOut, ...sent.leftOut],
  };
  if ('code' in leaf) {
    const faults = [{ ...leaf, fix: errorRow(new MangroveError(leaf.code, leaf.message)).fix }];
    return { valid: false, ...context, purposes: [], chain: [], faults };
  }
  const answers = purposesFor(expected).map((purpose) => ({
    purpose,
    answer: validatePath({
      leaf,
      intermediates: [...sent.read, ...trusted.read.filter((one) => !isSelfIssued(one))],
      anchors: trusted.read.filter(isSelfIssued),
      at,
      purpose,
      names: expected === undefined ? [] : [expected],
    }),
  }));
  const purposes = answers.filter(({ answer }) => answer.valid).map(({ purpose }) => purpose);
  const answer = mostTelling(answers.map((one) => one.answer));
  const foreign = trustDomainFaults(leaf, bundle.trustDomain);
  const faults = [...(answer === undefined || answer.valid ? [] : answer.faults), ...foreign].map(faultOf);
  const valid = purposes.length > 0 && foreign.length === 0;
  return {
    valid,
    ...context,
    purposes: valid ? purposes : [],
    chain: (answer === undefined ? [leaf] : answer.valid ? answer.chain : answer.attempt).map(linkOf),
    faults,
  };
}

const noLeaf: Refusal = { code: 'PEM_NO_BLOCK', message: 'no certificate was presented' };

/** A host name is a server's; without one, and for workloads, which are both, either side will do. */
function purposesFor(expected: ExpectedName | undefined): readonly PathPurpose[] {
  return expected?.kind === 'dns' ? ['serverAuth'] : ['serverAuth', 'clientAuth'];
}

/** One that is valid; else one whose fault is more than that the certificate is for the other purpose. */
function mostTelling(answers: readonly PathAnswer[]): PathAnswer | undefined {
  const isOtherPurpose = (answer: PathAnswer): boolean =>
    !answer.valid && answer.faults.some(({ code }) => code === 'PATH_PURPOSE');
  return (
    answers.find(({ valid }) => valid) ?? answers.find((answer) => !isOtherPurpose(answer)) ?? answers[0]
  );
}

/** SPIFFE X509-SVID §5: an SVID is validated with the bundle of its own trust domain, whatever it would chain to besides. */
function trustDomainFaults(leaf: Certificate, trustDomain: string | undefined): Error[] {
  const named = spiffeTrustDomain(leaf);
  if (trustDomain === undefined || named === undefined || named === trustDomain) return [];
  const message = `the leaf is of the trust domain ${named}, and the bundle is that of ${trustDomain}`;
  return [new MangroveError('VERIFY_TRUST_DOMAIN', message)];
}

function faultOf(error: Error): Fault {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return { code, message: errorMessage(error), fix: errorRow(error).fix };
}

function readAll(
  from: LeftOut['from'],
  certificates: readonly Buffer[],
): { readonly read: readonly Certificate[]; readonly leftOut: readonly LeftOut[] } {
  const read: Certificate[] = [];
  const leftOut: LeftOut[] = [];
  for (const der of certificates) {
    const result = readCertificate(der);
    if ('code' in result) leftOut.push({ from, sha256: fingerprint(der), ...result });
    else read.push(result);
  }
  return { read, leftOut };
}

function linkOf(certificate: Certificate): Link {
  const { sha256, subject, subjectAltNames, notBefore, notAfter } = certificate;
  return {
    sha256,
    subject: formatName(subject),
    names: subjectAltNames.map(nameText),
    notBefore: timeText(notBefore),
    notAfter: timeText(notAfter),
  };
}

function nameText(name: GeneralName): string {
  if (name.kind === 'other') return `another kind of name (${name.tag})`;
  return `${name.kind}:${name.kind === 'ip' ? addressText(name.value) : name.value}`;
}

function addressText(address: Buffer): string {
  if (address.length === 4) return address.join('.');
  return address.toString('hex').replace(/(.{4})(?=.)/g, '$1:');
}
