import { describe, expect, it } from 'vitest';
import {
  type Decision,
  decide,
  forgetContent,
  isHolding,
  newPlacement,
  noteKnown,
  noteMatch,
  noteShown,
  type Observed,
  owesReadBack,
  type Placement,
  wishId,
} from '#bundles/target/placement.ts';
import { MangroveError } from '#errors/error.ts';

const now = 1_000;
const at = (version: string): Observed => ({ version });
const placement = (more: Partial<Placement> = {}): Placement => ({ ...newPlacement('a'), ...more });
const held = { uid: 'u', version: '7', digest: 'wish', verifiedAt: 1 };
const old = { ...held, digest: 'old' };
const failed = { notBefore: now + 1, tried: 'wish' };
const growing = wishId({ digest: 'wish', growOnly: true });

describe('what is to be done', () => {
  it.each<[string, Partial<Placement>, Observed, boolean, Decision]>([
    ['nothing is there', {}, 'absent', false, 'create'],
    ['it vanished', held, 'absent', false, 'create'],
    ['something is there that was never read', {}, at('7'), false, 'read'],
    ['it holds the wish at the version that is shown', held, at('7'), false, 'nothing'],
    ['somebody changed it', held, at('8'), false, 'read'],
    ['the wish changed', old, at('7'), false, 'patch'],
    ['the wish changed and nothing may leave', old, at('7'), true, 'read'],
    ['it holds the wish and nothing may leave', held, at('7'), true, 'nothing'],
    ['both changed', old, at('8'), false, 'read'],
    [
      'the watch still shows what we replaced',
      { ...held, superseded: new Set(['6']) },
      at('6'),
      false,
      'nothing',
    ],
    [
      'the watch does not show yet what we created',
      { ...held, superseded: new Set(['']) },
      'absent',
      false,
      'nothing',
    ],
    [
      'the watch is late and the wish changed again',
      { ...old, superseded: new Set(['6']) },
      at('6'),
      false,
      'patch',
    ],
    ['it is time to look again', { ...held, due: true }, at('7'), false, 'read'],
    ['nobody watches and it was never read', {}, 'unwatched', false, 'read'],
    ['nobody watches and it holds the wish', held, 'unwatched', false, 'nothing'],
    ['nobody watches and the wish changed', old, 'unwatched', false, 'patch'],
    ['it failed a moment ago', { ...old, ...failed }, at('7'), false, 'wait'],
    ['it failed before the wish changed', { ...old, ...failed, tried: 'older' }, at('7'), false, 'patch'],
    ['it failed while nothing might leave', { ...old, ...failed, tried: growing }, at('7'), false, 'patch'],
    ['it failed, and still nothing may leave', { ...old, ...failed, tried: growing }, at('7'), true, 'wait'],
    ['it failed before nothing might leave', { ...old, ...failed }, at('7'), true, 'read'],
    ['it failed a while ago', { ...old, ...failed, notBefore: now }, at('7'), false, 'patch'],
    ['it failed, and holds the wish all the same', { ...held, ...failed }, at('7'), false, 'nothing'],
  ])('when %s', (_what, known, observed, growOnly, decision) => {
    expect(decide(placement(known), observed, { digest: 'wish', growOnly }, now)).toBe(decision);
  });
});

describe('what is known', () => {
  it('holds the wish only once it was read back', () => {
    const one = placement();
    const written = { uid: 'u', version: '7', digest: 'wish', keys: [], created: true };
    noteKnown(one, written, undefined);
    expect([isHolding(one, 'wish'), owesReadBack(one, 'wish')]).toEqual([false, true]);
    noteKnown(one, written, 5);
    expect([isHolding(one, 'wish'), owesReadBack(one, 'wish')]).toEqual([true, false]);
    expect([isHolding(one, 'next'), owesReadBack(one, 'next')]).toEqual([false, false]);
  });

  it('is over with what it refused once that is not wished for any more', () => {
    const error = new MangroveError('BUNDLE_TARGET_FORBIDDEN', 'no');
    const one = placement({ ...held, verifiedAt: 5, error, failures: 3 });
    noteMatch(one, 'other');
    expect(one).toMatchObject({ error, failures: 3 });
    noteMatch(one, 'wish');
    expect([one.error, one.failures, isHolding(one, 'wish')]).toEqual([undefined, 0, true]);
  });

  it('is forgotten with its versions, but not whose it is', () => {
    const one = placement({ ...held, superseded: new Set(['']) });
    forgetContent(one);
    expect(one).toMatchObject({ uid: 'u', version: undefined, digest: undefined, verifiedAt: undefined });
    expect(decide(one, 'absent', { digest: 'wish', growOnly: false }, now)).toBe('create');
  });

  it('the watch is late only until it shows the version that is known', () => {
    const one = placement({ ...held, superseded: new Set(['', '6']) });
    noteShown(one, '6');
    expect(one.superseded?.size).toBe(2);
    noteShown(one, '7');
    expect(decide(one, 'absent', { digest: 'wish', growOnly: false }, now)).toBe('create');
  });
});
