import { describe, expect, it } from 'vitest';
import { createSourceMemory } from '#bundles/source/memory.ts';
import { strictTerms } from '#bundles/source/source.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const one = fabricatedAnchor('one');
const two = fabricatedAnchor('two');
const good = (name: string, ...anchors: (typeof one)[]) => ({
  name,
  terms: strictTerms,
  read: () => ({ anchors }),
});
const bad = (name: string) => ({
  name,
  terms: strictTerms,
  read: () => {
    throw new Error('gone');
  },
});

const options = { trustDomain: 'east.test', now: () => 1000, recall: () => undefined };

describe('a source that fails', () => {
  it('keeps its last good content and the time of it, and stops no other source', async () => {
    let now = 1000;
    const memory = createSourceMemory({ ...options, now: () => now });
    await memory.read([good('a', one), good('b', one)]);
    now = 2000;
    expect(await memory.read([bad('a'), good('b', two)])).toMatchObject([
      { name: 'a', anchors: [one], goodAt: 1000, error: new Error('gone') },
      { name: 'b', anchors: [two], goodAt: 2000, error: undefined },
    ]);
  });

  it('is worth nothing known when it never was good', async () => {
    const memory = createSourceMemory(options);
    expect(await memory.read([bad('a')])).toMatchObject([
      { name: 'a', anchors: undefined, goodAt: undefined, error: new Error('gone') },
    ]);
  });

  it('is forgotten with its content when the spec no longer names it', async () => {
    const memory = createSourceMemory(options);
    await memory.read([good('a', one)]);
    await memory.read([good('b', two)]);
    expect(await memory.read([bad('a')])).toMatchObject([{ anchors: undefined }]);
  });

  it('is worth what is recalled from before the start, until it is good', async () => {
    const recall = (name: string) =>
      name === 'a' ? { anchors: [two], vanished: new Map(), goodAt: 5 } : undefined;
    const memory = createSourceMemory({ ...options, recall });
    expect(await memory.read([bad('a'), bad('b')])).toMatchObject([
      { anchors: [two], goodAt: 5, error: new Error('gone') },
      { anchors: undefined },
    ]);
    await memory.read([good('a', one)]);
    expect(await memory.read([bad('a')])).toMatchObject([{ anchors: [one], goodAt: 1000 }]);
  });

  it('may fail as a promise', async () => {
    const memory = createSourceMemory(options);
    const source = { name: 'a', terms: strictTerms, read: () => Promise.reject(new Error('later')) };
    expect(await memory.read([source])).toMatchObject([{ error: new Error('later') }]);
  });
});

it('refuses a source with a root that names another trust domain, and that source only', async () => {
  const memory = createSourceMemory(options);
  const foreign = { ...one, spiffeTrustDomain: 'west.test' };
  const own = { ...two, spiffeTrustDomain: 'east.test' };
  expect(await memory.read([good('a', foreign), good('b', own)])).toMatchObject([
    { anchors: undefined, error: { code: 'BUNDLE_ANCHOR_FOREIGN' } },
    { anchors: [own], error: undefined },
  ]);
});

it('keeps in memory what it gives out no more: a clock that jumped ahead and came back ends nothing', async () => {
  let now = 1_000;
  const memory = createSourceMemory({ ...options, now: () => now });
  const terms = { ...strictTerms, keepLastSeconds: 60 };
  const failing = { ...bad('a'), terms };
  await memory.read([{ ...good('a', one), terms }]);
  now = 3_600_000;
  expect(await memory.read([failing])).toMatchObject([{ anchors: [] }]);
  now = 2_000;
  expect(await memory.read([failing])).toMatchObject([{ anchors: [one] }]);
});
