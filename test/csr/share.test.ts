import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createShare } from '#csr/signing-request/controller/share.ts';
import { answering } from '#csr/signing-request/duty.ts';
import type { Member } from '#kube/members.ts';

const signerName = 'mangrove.dev/workload';
const request = (uid: string) => ({
  metadata: { name: `r-${uid}`, uid },
  spec: { request: '', signerName, usages: [] },
});
const member = (identity: string, signerNames = signerName): Member => ({
  identity,
  annotations: { 'mangrove.dev/signer-names': signerNames },
});

function shareOf(members: readonly Member[], serves = true) {
  const state = { now: 0, takenOver: 0 };
  const share = createShare({
    replica: 'a',
    members: { live: () => members },
    serves: () => serves,
    onTakeOver: () => void (state.takenOver += 1),
    log: pino({ enabled: false }),
    monotonic: () => state.now,
  });
  return { share, state };
}

/** One that the hash gives to `b`. */
const uidOfB = Array.from({ length: 100 }, (_, i) => `u${i}`).find(
  (uid) => answering(uid, ['b', 'a']) === 'b',
);

test('alone, or where nobody else can sign for the name, everything is ours', () => {
  for (const members of [[], [member('a')], [member('b', '')], [member('b', 'other.test/name')]]) {
    expect(shareOf(members).share.has(request(uidOfB ?? ''))).toBe(true);
  }
});

test('what the hash gives to another is left to it, and taken when it does not answer', () => {
  const { share, state } = shareOf([member('a'), member('b')]);
  const theirs = request(uidOfB ?? '');
  expect(share.has(theirs)).toBe(false);
  expect(share.left()).toEqual([theirs.metadata.name]);
  state.now = 30_000;
  expect(share.has(theirs)).toBe(false);
  state.now = 30_001;
  expect(share.has(theirs)).toBe(true);
  // Tried again at its own pace, not by every sweep, and told once.
  expect(share.left()).toEqual([]);
  expect(share.has(theirs)).toBe(true);
  expect(state.takenOver).toBe(1);
  // Another request of the same name, or the same after it was away, waits anew.
  expect(share.has({ ...theirs, metadata: { ...theirs.metadata, uid: `${uidOfB}` } })).toBe(true);
  share.forget(theirs.metadata.name);
  expect(share.left()).toEqual([]);
  expect(share.has(theirs)).toBe(false);
});

test('a replica that cannot sign itself leaves everything to one that can', () => {
  const { share } = shareOf([member('a'), member('b')], false);
  for (let i = 0; i < 20; i++) expect(share.has(request(`u${i}`))).toBe(false);
});

test('where nobody can, it is ours to say why', () => {
  expect(shareOf([member('b', '')], false).share.has(request('u1'))).toBe(true);
});
