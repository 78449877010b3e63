import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { hierarchy } from './support/hierarchy.ts';
import {
  certificateAuthority,
  generation,
  type SignersLab,
  signerName,
  signersLab,
} from './support/signers-lab.ts';

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
});
afterAll(() => ledger.close());

function refusal({ signers }: SignersLab): string | undefined {
  try {
    signers.find(signerName);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}

describe('while the watch is cut off, an authority', () => {
  test('that was deleted is not confirmed: it signs no more', async () => {
    const lab = await signersLab(ledger);
    await lab.reconcile();
    expect(refusal(lab)).toBeUndefined();
    lab.server.object = undefined;
    expect(await lab.reconcile()).toBeUndefined();
    expect([refusal(lab), lab.signers.serving(), lab.changes]).toEqual(['CA_NOT_READY', [], [true, false]]);
  });

  test('that was changed signs as it is now', async () => {
    const lab = await signersLab(ledger);
    await lab.reconcile();
    lab.server.object = certificateAuthority({ leaf: { lifetime: '1h' } });
    await lab.reconcile();
    expect(lab.signers.find(signerName).profile.lifetime).toBe(3_600);
    lab.server.object = certificateAuthority({ signerNames: ['mangrove.dev/other'] });
    await lab.reconcile();
    expect(refusal(lab)).toBe('CA_NOT_READY');
  });
});

test('a signer is told of when its fence opens again, and only then', async () => {
  const lab = await signersLab(ledger);
  await lab.reconcile();
  lab.pass(600_000);
  await lab.reconcile();
  expect(lab.changes).toEqual([true]);
  lab.pass(600_001);
  expect(refusal(lab)).toBe('CA_NOT_CONFIRMED');
  await lab.reconcile();
  expect([refusal(lab), lab.changes]).toEqual([undefined, [true, true]]);
});

test.each([
  ['30s', 10_000],
  ['1s', 1_000 / 3],
  ['3m', 60_000],
  ['10m', 60_000],
])(
  'with a staleness bound of %s it is confirmed often enough to stay open',
  async (stalenessBound, paceMs) => {
    const lab = await signersLab(ledger, { rotation: { stalenessBound } });
    for (let i = 0; i < 4; i++) {
      const result = await lab.reconcile();
      expect(result).toEqual({ requeueAfterMs: paceMs });
      lab.pass(result?.requeueAfterMs ?? Number.NaN);
      expect(refusal(lab)).toBeUndefined();
    }
  },
);

test('a signer goes when another authority becomes active, also when no key can be made under that one', async () => {
  const doomed = await openSqliteLedger({ path: join(scratchDirectory(), 'closed.db') });
  const lab = await signersLab(doomed);
  await lab.reconcile();
  const { issuing } = lab.signers.find(signerName);
  const successor = generation(await hierarchy(ledger), 2);
  await doomed.close();
  lab.server.generations = [...lab.server.generations, successor];
  await expect(lab.reconcile()).rejects.toMatchObject({ code: expect.stringMatching(/^LEDGER_/) });
  expect([refusal(lab), lab.changes]).toEqual(['CA_NOT_READY', [true, false]]);
  expect(() => lab.signers.requireFence(issuing)).toThrow(expect.objectContaining({ code: 'CA_NOT_READY' }));
});
