import { X509Error } from '#x509/error.ts';

/** How much one validation may do. Everything is counted; no clock is read, so that an answer never depends on load. */
export interface PathLimits {
  /** Certificates of a chain, leaf and anchor included. */
  readonly length: number;
  /** Certificates that are tried as the issuer of one certificate. */
  readonly candidates: number;
  readonly signatureChecks: number;
  /** Names held against name constraints. */
  readonly nameComparisons: number;
}

export const pathLimits: PathLimits = {
  length: 6,
  candidates: 16,
  signatureChecks: 32,
  nameComparisons: 65_536,
};

/** What is left of the limits. Throws PATH_BUDGET_EXHAUSTED, which ends the whole validation. */
export class PathBudget {
  readonly limits: PathLimits;
  #signatureChecks = 0;
  #nameComparisons = 0;

  constructor(limits: PathLimits) {
    this.limits = limits;
  }

  /** How many signatures were checked. */
  get signatureChecks(): number {
    return this.#signatureChecks;
  }

  spendSignatureCheck(): void {
    if (this.#signatureChecks === this.limits.signatureChecks)
      throw exhausted(`${this.limits.signatureChecks} signature checks`);
    this.#signatureChecks += 1;
  }

  spendNameComparisons(count: number): void {
    this.#nameComparisons += count;
    if (this.#nameComparisons > this.limits.nameComparisons)
      throw exhausted(`${this.limits.nameComparisons} comparisons of names with constraints`);
  }
}

function exhausted(what: string): X509Error {
  return new X509Error('PATH_BUDGET_EXHAUSTED', `no chain was found within ${what}`);
}
