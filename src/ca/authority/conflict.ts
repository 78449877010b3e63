/** What of a CertificateAuthority can be claimed only once in a cluster. */
export interface Claims {
  readonly name: string;
  readonly uid: string;
  /** RFC 3339 from the API server, which compares as text. */
  readonly creationTimestamp: string;
  readonly trustDomain: string;
  readonly signerNames: readonly string[];
}

export interface Conflict {
  /** Name of the older CertificateAuthority, which goes on working. */
  readonly with: string;
  /** What both claim, for a message. */
  readonly about: string;
}

/** The older claimant that keeps `own` from working, if there is one. */
export function conflictOf(own: Claims, all: readonly Claims[]): Conflict | undefined {
  const older = all.filter((other) => other.uid !== own.uid && isOlder(other, own)).toSorted(byAge);
  for (const other of older) {
    if (other.trustDomain === own.trustDomain)
      return { with: other.name, about: `trust domain ${own.trustDomain}` };
    const signerName = own.signerNames.find((name) => other.signerNames.includes(name));
    if (signerName !== undefined) return { with: other.name, about: `signer name ${signerName}` };
  }
  return undefined;
}

function isOlder(left: Claims, right: Claims): boolean {
  return byAge(left, right) < 0;
}

/** By creation second, then by UID: two objects of the same second need an order that every replica agrees on. */
function byAge(left: Claims, right: Claims): number {
  const a = `${left.creationTimestamp} ${left.uid}`;
  const b = `${right.creationTimestamp} ${right.uid}`;
  return a < b ? -1 : Number(a > b);
}
