import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { answering } from '#csr/signing-request/duty.ts';

const replicas = ['mangrove-0', 'mangrove-1', 'mangrove-2'];
const uids = Array.from({ length: 3000 }, () => randomUUID());

test('every replica comes to the same answer, whatever the order in which it knows the others', () => {
  for (const uid of uids.slice(0, 100)) {
    expect(answering(uid, replicas.toReversed())).toBe(answering(uid, replicas));
  }
});

test('the work is shared about evenly', () => {
  const shares = Map.groupBy(uids, (uid) => answering(uid, replicas));
  expect(new Set(shares.keys())).toEqual(new Set(replicas));
  // 1000 each, give or take six standard deviations.
  for (const share of shares.values()) expect(Math.abs(share.length - 1000)).toBeLessThan(160);
});

test('when a replica goes, only its own share moves', () => {
  for (const uid of uids) {
    const before = answering(uid, replicas);
    const after = answering(uid, ['mangrove-0', 'mangrove-2']);
    if (before !== 'mangrove-1') expect(after).toBe(before);
  }
});

test('where there is none, none answers', () => {
  expect(answering('u', [])).toBeUndefined();
});
