import { formatTimestamp } from '#ca/authority/secret.ts';
import type { Signers } from '#ca/issuance/controller/signers.ts';
import type { Ledger } from '#ledger/ledger.ts';

type Annotations = Readonly<Record<string, string>>;

const newestPrefix = 'newest-not-after.mangrove.dev/';

/**
 * What a replica says of itself on its heartbeat Lease: the authorities that it issues under, with its issuing
 * certificates, and per authority the latest expiry of any leaf that it may have signed. That time only grows, also
 * across a restart with an empty volume: `current` is what was reported last.
 * @throws MangroveError LEDGER_*
 */
export async function replicaReport(
  current: Annotations,
  signers: Signers,
  ledger: Ledger,
): Promise<Annotations> {
  const issuing = signers.issuing();
  const report: Record<string, string> = {
    'mangrove.dev/authorities': issuing.map(({ authority }) => authority).join(','),
    'mangrove.dev/issuing-certificates': issuing.map(({ certificate }) => certificate.sha256).join(','),
  };
  // Also authorities that it issued under before: what it signed lives on when the signer is gone.
  const before = Object.keys(current).filter((key) => key.startsWith(newestPrefix));
  const keys = new Set(
    [...signers.issuedUnder()].map((authority) => `${newestPrefix}${authority}`).concat(before),
  );
  for (const key of keys) {
    const authority = key.slice(newestPrefix.length);
    const newest = await ledger.newestNotAfter(authority);
    const text = newest === undefined ? undefined : formatTimestamp(newest);
    // RFC 3339 of one shape compares as text.
    if (text !== undefined && text > (current[key] ?? '')) report[key] = text;
  }
  return report;
}
