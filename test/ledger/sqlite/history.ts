import { hash } from 'node:crypto';
import type { Intent, LedgerEntry, Result } from '#ledger/record.ts';

/** What the files in fixtures/ hold: never changed, for the versions of the program that wrote them are gone. */
export const history: readonly LedgerEntry[] = Array.from({ length: 60 }, (_, i) => {
  const intent = intentOf(i);
  return { intent, result: i % 40 === 7 ? undefined : resultOf(intent, i) };
});

function intentOf(i: number): Intent {
  const issuing = i % 25 === 0;
  return {
    serial: `01${digest('serial', i).slice(0, 30)}`,
    kind: issuing ? 'issuing' : 'leaf',
    authority: (i < 40 ? 'a1' : 'b2').repeat(20),
    issuer: digest('issuer', issuing ? 0 : 1),
    frontDoor: issuing ? 'controller' : 'csr',
    requestUid: `5f0c0a1e-4d39-4a39-9c07-${String(i).padStart(12, '0')}`,
    identity: `spiffe://cluster.local/ns/ns-${i % 4}/sa/sa-${i % 7}${i === 3 ? '-ü"' : ''}`,
    spkiSha256: digest('key', i % 50),
    tbsSha256: digest('tbs', i),
    notBefore: 1_790_000_000 + i,
    notAfter: 1_790_086_400 + i,
    recordedAt: 1_790_000_000_000 + i * 1000,
  };
}

function resultOf({ serial, recordedAt }: Intent, i: number): Result {
  return {
    serial,
    outcome: i % 30 === 4 ? 'discarded' : 'issued',
    certificateSha256: i % 60 === 4 ? undefined : digest('certificate', i),
    recordedAt: recordedAt + 9,
  };
}

function digest(of: string, i: number): string {
  return hash('sha256', `${of} ${i}`);
}
