import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replicaReport, signerNamesAnnotation } from '#ca/issuance/controller/replica-report.ts';
import { issuingKeysAnnotation } from '#ca/issuance/controller/reported-keys.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { type SignersLab, signerName, signersLab } from './support/signers-lab.ts';

let ledger: Ledger;
let closed: Ledger;
let lab: SignersLab;
beforeAll(async () => {
  const folder = scratchDirectory();
  ledger = await openSqliteLedger({ path: join(folder, 'ledger.db') });
  closed = await openSqliteLedger({ path: join(folder, 'closed.db') });
  await closed.close();
  lab = await signersLab(ledger);
  await lab.reconcile();
});
afterAll(() => ledger.close());

test.each([
  ['serves when it can', () => ({}), signerName],
  ['serves nothing while its ledger cannot record', () => ({ ledger: closed }), ''],
  ['serves nothing until it knows which requests there are', () => ({ hearsOf: () => false }), ''],
  ['serves nothing once it drains', () => ({ draining: AbortSignal.abort() }), ''],
] as const)('a replica %s, and says which keys it holds all the same', async (_, difference, served) => {
  const { signal: draining } = new AbortController();
  const usual = { signers: lab.signers, ledger, draining, hearsOf: () => true };
  const report = await replicaReport({}, { ...usual, ...difference() });
  const [issuing] = lab.signers.issuing();
  expect(report).toMatchObject({
    [signerNamesAnnotation]: served,
    [issuingKeysAnnotation]: issuing?.certificate.publicKey.keyId,
  });
});

test('a replica that was not confirmed for too long serves nothing', async () => {
  const silent = await signersLab(ledger);
  await silent.reconcile();
  silent.pass(600_001);
  const { signal: draining } = new AbortController();
  const report = await replicaReport({}, { signers: silent.signers, ledger, draining, hearsOf: () => true });
  expect(report[signerNamesAnnotation]).toBe('');
});
