import { describe, expect, it } from 'vitest';
import { createSourceMemory, type Recalled } from '#bundles/source/memory.ts';
import { type SourceTerms, strictTerms } from '#bundles/source/source.ts';
import { MangroveError } from '#errors/error.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const one = fabricatedAnchor('one');
const two = fabricatedAnchor('two');
const options = { trustDomain: 'east.test' };

describe('the terms of a source', () => {
  let now: number;
  const never = Number.POSITIVE_INFINITY;
  const source = (terms: Partial<SourceTerms>, give: readonly (typeof one)[] | MangroveError) => ({
    name: 'a',
    terms: { ...strictTerms, ...terms },
    read: () => {
      if (give instanceof MangroveError) throw give;
      return { anchors: give };
    },
  });
  const failure = (code: 'NOT_FOUND' | 'PENDING' | 'UNREADABLE' | 'KEY_MISSING') =>
    new MangroveError(`BUNDLE_SOURCE_${code}`, 'fails');
  const anchorsOf = async (
    memory: ReturnType<typeof createSourceMemory>,
    terms: Partial<SourceTerms>,
    give: readonly (typeof one)[] | MangroveError,
  ) => (await memory.read([source(terms, give)]))[0];

  function newMemory(recalled?: Recalled) {
    now = 10_000;
    return createSourceMemory({ ...options, now: () => now, recall: () => recalled });
  }

  describe('optional', () => {
    it('makes its absence no fault: it gives no root then', async () => {
      const memory = newMemory();
      await anchorsOf(memory, { optional: true }, [one]);
      expect(await anchorsOf(memory, { optional: true }, failure('NOT_FOUND'))).toMatchObject({
        anchors: [],
        error: undefined,
        note: 'it does not exist, and need not',
      });
    });

    it.each(['PENDING', 'UNREADABLE', 'KEY_MISSING'] as const)('forgives nothing else: %s', async (code) => {
      const memory = newMemory();
      await anchorsOf(memory, { optional: true }, [one]);
      expect(await anchorsOf(memory, { optional: true }, failure(code))).toMatchObject({
        anchors: [one],
        error: { code: `BUNDLE_SOURCE_${code}` },
      });
    });

    it('not said: the absence is a fault, and the last good content stays', async () => {
      const memory = newMemory();
      await anchorsOf(memory, {}, [one]);
      expect(await anchorsOf(memory, {}, failure('NOT_FOUND'))).toMatchObject({
        anchors: [one],
        error: { code: 'BUNDLE_SOURCE_NOT_FOUND' },
      });
    });

    it('lets its roots stay for as long as it retains them', async () => {
      const memory = newMemory();
      const terms = { optional: true, retainSeconds: 5 };
      await anchorsOf(memory, terms, [one]);
      expect(await anchorsOf(memory, terms, failure('NOT_FOUND'))).toMatchObject({
        anchors: [one],
        changesAt: 15_000,
      });
    });
  });

  describe('keepLastSeconds', () => {
    const terms = { keepLastSeconds: 5 };

    it('ends the last good content of a source that fails, at its second', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one]);
      now = 14_999;
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({
        anchors: [one],
        goodAt: 10_000,
        changesAt: 15_000,
      });
      now = 15_000;
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({
        anchors: [],
        goodAt: 10_000,
        changesAt: never,
        error: { code: 'BUNDLE_SOURCE_UNREADABLE' },
      });
      expect(await anchorsOf(memory, terms, [two])).toMatchObject({ anchors: [two], goodAt: 15_000 });
    });

    it('counts on over a start of the process', async () => {
      const memory = newMemory({ anchors: [one], vanished: new Map(), goodAt: 6_000 });
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({
        anchors: [one],
        changesAt: 11_000,
      });
      now = 11_000;
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({ anchors: [] });
    });

    it('waits for the first look after a start: a long pause is no failure of the source', async () => {
      const memory = newMemory({ anchors: [one], vanished: new Map(), goodAt: 0 });
      expect(await anchorsOf(memory, terms, failure('PENDING'))).toMatchObject({ anchors: [one] });
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({ anchors: [] });
    });

    it('says nothing of what was never good', async () => {
      const memory = newMemory();
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({ anchors: undefined });
    });
  });

  describe('retainSeconds', () => {
    const terms = { retainSeconds: 5 };

    it('lets a root stay that vanished, to its second, and no longer when the source fails meanwhile', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      const vanished = { anchors: [two, one], vanished: new Map([[one.sha256, 10_000]]), changesAt: 15_000 };
      expect(await anchorsOf(memory, terms, [two])).toMatchObject(vanished);
      now = 14_999;
      expect(await anchorsOf(memory, terms, [two])).toMatchObject(vanished);
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject(vanished);
      now = 15_000;
      const gone = { anchors: [two], vanished: new Map(), changesAt: never };
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject(gone);
      expect(await anchorsOf(memory, terms, [two])).toMatchObject(gone);
    });

    it('forgets that a root vanished when it is back', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      await anchorsOf(memory, terms, [two]);
      now = 12_000;
      expect(await anchorsOf(memory, terms, [one, two])).toMatchObject({
        anchors: [one, two],
        vanished: new Map(),
      });
      expect(await anchorsOf(memory, terms, [two])).toMatchObject({ changesAt: 17_000 });
    });

    it('counts on over a start of the process', async () => {
      const memory = newMemory({
        anchors: [one, two],
        vanished: new Map([[one.sha256, 7_000]]),
        goodAt: 9_000,
      });
      expect(await anchorsOf(memory, terms, [])).toMatchObject({
        anchors: [one, two],
        vanished: new Map([
          [one.sha256, 7_000],
          [two.sha256, 10_000],
        ]),
        changesAt: 12_000,
      });
      now = 12_000;
      expect(await anchorsOf(memory, terms, [])).toMatchObject({ anchors: [two], changesAt: 15_000 });
    });

    it('is over at once when the terms say so', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      await anchorsOf(memory, terms, [two]);
      expect(await anchorsOf(memory, {}, failure('UNREADABLE'))).toMatchObject({ anchors: [two] });
    });
  });

  describe('retainUntil', () => {
    const terms = { retainUntil: 15_000 };

    it('lets a root stay that vanished, whenever it did, to that moment and over failures', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      await anchorsOf(memory, terms, [one]);
      now = 14_999;
      expect(await anchorsOf(memory, terms, [])).toMatchObject({
        anchors: [one, two],
        vanished: new Map([
          [one.sha256, 14_999],
          [two.sha256, 10_000],
        ]),
        changesAt: 15_000,
      });
      expect(await anchorsOf(memory, terms, failure('UNREADABLE'))).toMatchObject({ anchors: [one, two] });
      now = 15_000;
      expect(await anchorsOf(memory, terms, [])).toMatchObject({ anchors: [], changesAt: never });
    });

    it('is the end of the root itself where the terms say Expired, whenever it vanishes', async () => {
      const brief = fabricatedAnchor('brief', { notAfter: 20 });
      const memory = newMemory();
      const expired = { retainUntil: 'Expired' } as const;
      await anchorsOf(memory, expired, [one, brief]);
      now = 20_999;
      expect(await anchorsOf(memory, expired, [one])).toMatchObject({
        anchors: [one, brief],
        vanished: new Map([[brief.sha256, 20_999]]),
        changesAt: 21_000,
      });
      now = 21_000;
      const gone = { anchors: [one], vanished: new Map(), changesAt: never };
      expect(await anchorsOf(memory, expired, [one])).toMatchObject(gone);
    });

    it('lets leave at once what vanishes later', async () => {
      const memory = newMemory();
      now = 20_000;
      await anchorsOf(memory, terms, [one, two]);
      expect(await anchorsOf(memory, terms, [one])).toMatchObject({ anchors: [one], vanished: new Map() });
    });

    it('holds over a start of the process', async () => {
      const memory = newMemory({ anchors: [one], vanished: new Map([[one.sha256, 7_000]]), goodAt: 9_000 });
      expect(await anchorsOf(memory, terms, [two])).toMatchObject({ anchors: [two, one], changesAt: 15_000 });
    });
  });

  describe('exclude', () => {
    const terms = { retainSeconds: 5 };

    it('holds for what is kept', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      const exclude = { ...terms, exclude: [one.sha256] };
      expect(await anchorsOf(memory, exclude, failure('UNREADABLE'))).toMatchObject({ anchors: [two] });
    });

    it('holds for what would be retained', async () => {
      const memory = newMemory();
      await anchorsOf(memory, terms, [one, two]);
      expect(await anchorsOf(memory, { ...terms, exclude: [one.sha256] }, [one, two])).toMatchObject({
        anchors: [two],
        vanished: new Map(),
      });
    });
  });

  it('include: a mistake in it leaves the last good content', async () => {
    const memory = newMemory();
    await anchorsOf(memory, {}, [one, two]);
    expect(await anchorsOf(memory, { include: ['0'.repeat(64)] }, [one, two])).toMatchObject({
      anchors: [one, two],
      error: { code: 'BUNDLE_SOURCE_FILTERED' },
    });
    expect(await anchorsOf(memory, { include: [one.sha256] }, [one, two])).toMatchObject({ anchors: [one] });
  });
});
