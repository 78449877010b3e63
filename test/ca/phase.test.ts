import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activeAuthority, nextTimestamp, phases, type Timestamped } from '#ca/authority/phase.ts';

function authority(id: string, timestamps: Partial<Timestamped['timestamps']> = {}): Timestamped {
  return { id, timestamps: { createdAt: 1, ...timestamps } };
}

describe('phases of one authority', () => {
  test.each([
    ['Created', {}],
    ['Prepared', { publishedAt: 2 }],
    ['Active', { publishedAt: 2, activatedAt: 3 }],
    ['Tainted', { publishedAt: 2, activatedAt: 3, taintedAt: 4 }],
    ['Tainted', { taintedAt: 4 }],
    ['Retired', { publishedAt: 2, activatedAt: 3, taintedAt: 4, retiredAt: 5 }],
    ['Retired', { retiredAt: 5 }],
  ] as const)('%s with %j', (phase, timestamps) => {
    expect(phases([authority('a', timestamps)]).get('a')).toBe(phase);
  });
});

describe('phases of several authorities', () => {
  test('the newest activation is Active and the earlier one Draining', () => {
    const old = authority('old', { publishedAt: 2, activatedAt: 3 });
    const fresh = authority('new', { createdAt: 5, publishedAt: 6, activatedAt: 7 });
    expect(Object.fromEntries(phases([fresh, old]))).toEqual({ old: 'Draining', new: 'Active' });
  });

  test('a tainted newest hands back to nobody that was never activated', () => {
    const tainted = authority('a', { publishedAt: 2, activatedAt: 3, taintedAt: 4 });
    const prepared = authority('b', { publishedAt: 3 });
    expect(activeAuthority([tainted, prepared])).toBeUndefined();
  });

  test('re-activating the old one is a rollback', () => {
    const old = authority('old', { publishedAt: 2, activatedAt: 9 });
    const fresh = authority('new', { publishedAt: 6, activatedAt: 7 });
    expect(activeAuthority([old, fresh])?.id).toBe('old');
    expect(phases([old, fresh]).get('new')).toBe('Draining');
  });

  test('two activations in one second are damage, not a choice', () => {
    const both = [authority('a', { activatedAt: 3 }), authority('b', { activatedAt: 3 })];
    expect(() => activeAuthority(both)).toThrow(expect.objectContaining({ code: 'CA_AUTHORITY_DAMAGED' }));
  });

  test('at most one is Active, whatever the timestamps and their order', () => {
    const second = fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined });
    const arbitrary = fc.uniqueArray(
      fc.record({ publishedAt: second, activatedAt: second, taintedAt: second, retiredAt: second }),
      { maxLength: 6, selector: ({ activatedAt }) => activatedAt ?? Symbol('never') },
    );
    fc.assert(
      fc.property(arbitrary, (all) => {
        const authorities = all.map((timestamps, index) =>
          authority(String(index), JSON.parse(JSON.stringify(timestamps))),
        );
        const byId = phases(authorities);
        expect([...byId.values()].filter((phase) => phase === 'Active').length).toBeLessThanOrEqual(1);
        expect(phases(authorities.toReversed())).toEqual(new Map([...byId].toReversed()));
      }),
    );
  });
});

describe('nextTimestamp', () => {
  test('is the server time when that is later', () => {
    expect(nextTimestamp('activatedAt', 100.9, [authority('a', { activatedAt: 50 })])).toBe(100);
  });
  test('exceeds every earlier one of its kind when the server clock went back', () => {
    expect(nextTimestamp('activatedAt', 10, [authority('a', { activatedAt: 50 })])).toBe(51);
  });
});
