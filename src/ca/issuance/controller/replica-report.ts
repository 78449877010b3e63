import { formatTimestamp } from '#ca/authority/secret.ts';
import { issuingKeysAnnotation } from '#ca/issuance/controller/reported-keys.ts';
import type { Signers } from '#ca/issuance/controller/signers.ts';
import type { Ledger } from '#ledger/ledger.ts';

type Annotations = Readonly<Record<string, string>>;

export interface ReportedReplica {
  readonly signers: Signers;
  readonly ledger: Ledger;
  /** Aborted when the replica takes no new work. */
  readonly draining: AbortSignal;
  /** Whether it knows which requests there are. */
  readonly hearsOf: () => boolean;
}

const newestPrefix = 'newest-not-after.mangrove.dev/';

/** The signer names that a replica can sign for at this moment, separated by commas: who shares the work goes by it. */
export const signerNamesAnnotation = 'mangrove.dev/signer-names';

/**
 * What a replica says of itself on its heartbeat Lease: the signer names that it serves, the authorities that it issues
 * under, with its issuing certificates and their keys, and per authority the latest expiry of any leaf that it may have signed. That time only grows, also
 * across a restart with an empty volume: `current` is what was reported last.
 * @throws MangroveError LEDGER_*
 */
export async function replicaReport(
  current: Annotations,
  { signers, ledger, draining, hearsOf }: ReportedReplica,
): Promise<Annotations> {
  const serves = !draining.aborted && hearsOf() && (await canRecord(ledger));
  const issuing = signers.issuing();
  const report: Record<string, string> = {
    [signerNamesAnnotation]: serves ? signers.serving().join(',') : '',
    'mangrove.dev/authorities': issuing.map(({ authority }) => authority).join(','),
    [issuingKeysAnnotation]: issuing.map(({ certificate }) => certificate.publicKey.keyId).join(','),
    'mangrove.dev/issuing-certificates': issuing.map(({ certificate }) => certificate.sha256).join(','),
  };
  // Also authorities that it issued under before: what it signed lives on when the signer is gone.
  const before = Object.keys(current).filter((key) => key.startsWith(newestPrefix));
  const keys = new Set(
    [...signers.issuedUnder()].map((authority) => `${newestPrefix}${authority}`).concat(before),
  );
  for (const key of keys) {
    const authority = key.slice(newestPrefix.length);
    // A ledger that fails takes nothing back of what stands there, and hides nothing else.
    const newest = await ledger.newestNotAfter(authority).catch(() => undefined);
    const text = newest === undefined ? undefined : formatTimestamp(newest);
    // RFC 3339 of one shape compares as text.
    if (text !== undefined && text > (current[key] ?? '')) report[key] = text;
  }
  return report;
}

async function canRecord(ledger: Ledger): Promise<boolean> {
  try {
    await ledger.check();
    return true;
  } catch {
    // Readiness and the failed requests say why.
    return false;
  }
}
