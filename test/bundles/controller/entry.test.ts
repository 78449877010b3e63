import { expect, it } from 'vitest';
import { asksTheSame, trustBundleEntry } from '#bundles/controller/entry.ts';
import { placedEntry } from '../support/fake-cluster.ts';

it('a TrustBundle asks for the same with another status, and not without its finalizers', () => {
  const { object } = placedEntry('east.test', 'roots');
  const metadata = { ...object.metadata, finalizers: ['mangrove.dev/targets'] };
  const before = trustBundleEntry({ ...object, metadata });
  const told = trustBundleEntry({ ...object, metadata, status: { observedGeneration: 1 } });
  expect(asksTheSame(before, told)).toBe(true);
  expect(asksTheSame(before, trustBundleEntry(object))).toBe(false);
  expect(asksTheSame(undefined, before)).toBe(false);
});
