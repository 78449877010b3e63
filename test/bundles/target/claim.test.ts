import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { arbitrate } from '#bundles/target/claim.ts';

const claim = (target: string, bundle: string, createdAt: string) => ({ target, bundle, createdAt });

it('gives a target to the TrustBundle that is older', () => {
  const verdicts = arbitrate([
    claim('t', 'younger', '2026-01-02T00:00:00Z'),
    claim('t', 'older', '2026-01-01T00:00:00Z'),
    claim('u', 'younger', '2026-01-02T00:00:00Z'),
  ]);
  expect(verdicts.get('t')).toEqual({ winner: 'older', losers: ['younger'] });
  expect(verdicts.get('u')).toEqual({ winner: 'younger', losers: [] });
});

it('gives a target of two that were created in the same second to the name that sorts first', () => {
  const at = '2026-01-01T00:00:00Z';
  expect(arbitrate([claim('t', 'b', at), claim('t', 'a', at)]).get('t')).toEqual({
    winner: 'a',
    losers: ['b'],
  });
});

it('does not take a TrustBundle for its own rival', () => {
  const at = '2026-01-01T00:00:00Z';
  expect(arbitrate([claim('t', 'a', at), claim('t', 'a', at)]).get('t')).toEqual({ winner: 'a', losers: [] });
});

it('decides alike in whatever order the claims are seen', () => {
  const claims = fc.uniqueArray(
    fc.record({
      target: fc.constantFrom('t', 'u'),
      bundle: fc.constantFrom('a', 'b', 'c', 'd'),
      createdAt: fc.constant('2026-01-01T00:00:00Z'),
    }),
    { selector: ({ target, bundle }) => `${target} ${bundle}` },
  );
  fc.assert(
    fc.property(claims, fc.infiniteStream(fc.nat()), (list, random) => {
      const shuffled = list.toSorted(() => ((random.next().value ?? 0) % 2 === 0 ? 1 : -1));
      expect(Object.fromEntries(arbitrate(shuffled))).toEqual(Object.fromEntries(arbitrate(list)));
    }),
  );
});
