import { expect, it } from 'vitest';
import { asksTheSame, isLetGo, trustBundleEntry } from '#bundles/controller/entry.ts';
import { placedEntry } from '../support/fake-cluster.ts';

it('a TrustBundle asks for the same with another status, and is let go when a finalizer is taken from it', () => {
  const { object } = placedEntry('east.test', 'roots');
  const metadata = { ...object.metadata, finalizers: ['mangrove.dev/targets'] };
  const before = trustBundleEntry({ ...object, metadata });
  const told = trustBundleEntry({ ...object, metadata, status: { observedGeneration: 1 } });
  const without = trustBundleEntry(object);
  expect(asksTheSame(before, told)).toBe(true);
  expect(asksTheSame(before, without)).toBe(true);
  expect(asksTheSame(undefined, before)).toBe(false);
  expect(isLetGo(before, without)).toBe(true);
  expect(isLetGo(before, told)).toBe(false);
  expect(isLetGo(without, before)).toBe(false);
  expect(isLetGo(undefined, before)).toBe(false);
});
