import { hash, randomBytes } from 'node:crypto';
import { createBatch, type PackedBatch, type Write } from '#ledger/batch.ts';
import type { Intent, Result } from '#ledger/record.ts';

export const authority = 'a1'.repeat(20);

export function newIntent(changes: Partial<Intent> = {}): Intent {
  return {
    serial: `01${randomBytes(15).toString('hex')}`,
    kind: 'leaf',
    authority,
    issuer: 'b2'.repeat(32),
    frontDoor: 'csr',
    requestUid: '5f0c0a1e-4d39-4a39-9c07-0d8c2d2b7a11',
    identity: 'spiffe://cluster.local/ns/default/sa/web',
    spkiSha256: randomBytes(32).toString('hex'),
    tbsSha256: randomBytes(32).toString('hex'),
    notBefore: 1_790_000_000,
    notAfter: 1_790_086_400,
    recordedAt: 1_790_000_000_123,
    ...changes,
  };
}

export function resultOf(intent: Intent, changes: Partial<Result> = {}): Result {
  return {
    serial: intent.serial,
    outcome: 'issued',
    certificateSha256: hash('sha256', intent.tbsSha256),
    recordedAt: intent.recordedAt + 5,
    ...changes,
  };
}

/** The code of what a promise rejects with; undefined when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** The writes of one commit, as they reach the store. */
export function packed(...writes: readonly Write[]): PackedBatch {
  const batch = createBatch();
  for (const write of writes) batch.add(write);
  return batch.pack();
}
