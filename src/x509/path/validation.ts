import { type Certificate, isSignedBy } from '#x509/certificate.ts';
import { X509Error } from '#x509/error.ts';
import { formatName } from '#x509/name.ts';
import { PathBudget, type PathLimits, pathLimits } from '#x509/path/budget.ts';
import {
  authorityFaults,
  describeCertificate,
  type Faults,
  leafFaults,
  type PathPurpose,
} from '#x509/path/certificate-rules.ts';
import { type ExpectedName, nameFault } from '#x509/path/expected-name.ts';
import { readNameConstraints } from '#x509/path/name-constraints.ts';
import { constraintFault } from '#x509/path/subtree.ts';

export interface PathQuestion {
  readonly leaf: Certificate;
  /** What the other side sent along: in any order, with any amount of dross. */
  readonly intermediates: readonly Certificate[];
  /** What is trusted. Each is held to the rules of an authority, its dates and constraints too; its signature is not checked. */
  readonly anchors: readonly Certificate[];
  /** Epoch seconds. */
  readonly at: number;
  readonly purpose: PathPurpose;
  /** The leaf must have every one of them. None: whom the leaf names is not checked. */
  readonly names?: readonly ExpectedName[];
  readonly limits?: Partial<PathLimits>;
}

export type PathAnswer = (Found | NotFound) & {
  /** How many signatures were checked. */
  readonly signatureChecks: number;
};

interface Found {
  readonly valid: true;
  /** From the leaf to the anchor. */
  readonly chain: readonly Certificate[];
}

interface NotFound {
  readonly valid: false;
  /** The chain that got furthest, from the leaf to the certificate where it ended. */
  readonly attempt: readonly Certificate[];
  /** All that is wrong where it ended; at least one. */
  readonly faults: Faults;
}

/**
 * Path validation of RFC 5280 §6, with path building by depth-first search from the leaf (RFC 4158). A chain holds if the
 * leaf keeps its rules and each certificate above keeps those of an authority over all that is below, so that every
 * rule is checked where a certificate is added, before its key costs a signature check. Names are chained by the bytes
 * of their DER; key ids decide only which candidate is tried first. Pure: nothing is thrown, read or fetched.
 */
export function validatePath(question: PathQuestion): PathAnswer {
  const search = new Search(question);
  const answer = search.run();
  return { ...answer, signatureChecks: search.signatureChecks };
}

interface Candidate {
  readonly certificate: Certificate;
  readonly anchor: boolean;
}

class Search {
  readonly #question: PathQuestion;
  readonly #budget: PathBudget;
  readonly #candidates: readonly Candidate[];
  #furthest: NotFound & { readonly rank: number };

  constructor(question: PathQuestion) {
    this.#question = question;
    this.#budget = new PathBudget({ ...pathLimits, ...question.limits });
    const trusted = new Set(question.anchors.map(({ sha256 }) => sha256));
    const untrusted = question.intermediates.filter(({ sha256 }) => !trusted.has(sha256));
    this.#candidates = [
      ...question.anchors.map((certificate) => ({ certificate, anchor: true })),
      ...untrusted.map((certificate) => ({ certificate, anchor: false })),
    ];
    this.#furthest = { valid: false, attempt: [question.leaf], faults: [], rank: 0 };
  }

  get signatureChecks(): number {
    return this.#budget.signatureChecks;
  }

  run(): Found | NotFound {
    const { leaf, at, purpose, names = [] } = this.#question;
    const mismatches = names.map((name) => nameFault(leaf, name)).filter((fault) => fault !== undefined);
    const faults = [...leafFaults(leaf, at, purpose), ...mismatches];
    if (faults.length > 0) return { valid: false, attempt: [leaf], faults };
    try {
      const chain = this.#climb([leaf], leaf);
      if (chain !== undefined) return { valid: true, chain };
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      return { valid: false, attempt: this.#furthest.attempt, faults: [error] };
    }
    const { attempt, faults: reasons } = this.#furthest;
    return { valid: false, attempt, faults: reasons };
  }

  /** The whole chain, once an anchor is reached. Each level costs a signature check, so the budget bounds the tree. */
  #climb(chain: readonly Certificate[], last: Certificate): readonly Certificate[] | undefined {
    const issuers = this.#issuersOf(last, chain);
    if (issuers.length === 0) this.#note(chain, chain.length, [unknownIssuer(last)]);
    for (const issuer of issuers) {
      const { certificate, anchor } = issuer;
      const longer = [...chain, certificate];
      const faults = this.#faultsAbove(chain, last, issuer);
      if (faults.length > 0) this.#note(longer, longer.length + likelihood(last, issuer), faults);
      else if (anchor) return longer;
      else {
        const found = this.#climb(longer, certificate);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** Anchors first, then those whose key id fits; no certificate twice in a chain, nor one key under one name. */
  #issuersOf(last: Certificate, chain: readonly Certificate[]): readonly Candidate[] {
    const rank = (candidate: Candidate): number =>
      (candidate.anchor ? 0 : 2) + (hasNamedKey(candidate, last) ? 0 : 1);
    return this.#candidates
      .filter(({ certificate }) => certificate.subject.der.equals(last.issuer.der))
      .filter(({ certificate }) => !chain.some((other) => isSameEntity(certificate, other)))
      .sort((one, other) => rank(one) - rank(other))
      .slice(0, this.#budget.limits.candidates);
  }

  #faultsAbove(chain: readonly Certificate[], last: Certificate, candidate: Candidate): Faults {
    const { certificate: issuer, anchor } = candidate;
    const { at, purpose } = this.#question;
    const { length } = this.#budget.limits;
    if (chain.length >= length)
      return [new X509Error('PATH_TOO_LONG', `a chain of more than ${length} certificates`)];
    const faults = [
      ...authorityFaults(issuer, { anchor, below: chain.slice(1) }, at, purpose),
      ...this.#constraintFaults(chain, issuer),
    ];
    if (faults.length > 0) return faults;
    this.#budget.spendSignatureCheck();
    return signatureFaults(last, issuer);
  }

  /** RFC 5280 §6.1.3 (b) and (c): the leaf always counts, a self-issued intermediate does not. */
  #constraintFaults(chain: readonly Certificate[], issuer: Certificate): Faults {
    const [leaf, ...intermediates] = chain;
    const held = intermediates.filter(({ issuer, subject }) => !issuer.der.equals(subject.der));
    return collect(() => {
      const constraints = readNameConstraints(issuer);
      if (constraints === undefined || leaf === undefined) return [];
      return [leaf, ...held]
        .map((certificate) => constraintFault(constraints, certificate, this.#budget))
        .filter((fault) => fault !== undefined);
    });
  }

  #note(attempt: readonly Certificate[], rank: number, faults: Faults): void {
    if (rank > this.#furthest.rank) this.#furthest = { valid: false, attempt, faults, rank };
  }
}

const hasNamedKey = ({ certificate }: Candidate, issued: Certificate): boolean =>
  certificate.subjectKeyId !== undefined && certificate.subjectKeyId === issued.authorityKeyId;

/** Of several that failed as the issuer, the one that it most likely was: its faults are what should be mended. */
const likelihood = (issued: Certificate, candidate: Candidate): number =>
  (hasNamedKey(candidate, issued) ? 0.5 : 0) + (candidate.anchor ? 0.25 : 0);

function isSameEntity(one: Certificate, other: Certificate): boolean {
  return one.subject.der.equals(other.subject.der) && one.publicKey.spki.equals(other.publicKey.spki);
}

function unknownIssuer(certificate: Certificate): X509Error {
  const issuer = formatName(certificate.issuer).slice(0, 200);
  return new X509Error(
    'PATH_ISSUER_UNKNOWN',
    `${describeCertificate(certificate)} was issued by "${issuer}", which is not here`,
  );
}

function signatureFaults(certificate: Certificate, issuer: Certificate): Faults {
  return collect(() =>
    isSignedBy(certificate, issuer.publicKey)
      ? []
      : [
          new X509Error(
            'PATH_SIGNATURE_INVALID',
            `${describeCertificate(certificate)} was not signed by the key of ${describeCertificate(issuer)}`,
          ),
        ],
  );
}

/** A damaged extension, or a key that OpenSSL refuses, is a fault of this candidate; an empty budget ends everything. */
function collect(find: () => Faults): Faults {
  try {
    return find();
  } catch (error) {
    if (error instanceof X509Error && error.code !== 'PATH_BUDGET_EXHAUSTED') return [error];
    throw error;
  }
}
