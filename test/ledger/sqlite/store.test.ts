import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Intent } from '#ledger/record.ts';
import { openDatabase } from '#ledger/sqlite/database.ts';
import type { LookupSize } from '#ledger/sqlite/lookup.ts';
import { openStore, type Store } from '#ledger/sqlite/store.ts';
import { temporaryPlace } from '../place.ts';
import { newIntent, packed, resultOf } from '../records.ts';

const place = temporaryPlace();

function open(path: string, size?: LookupSize): Store {
  return openStore(openDatabase({ path, create: true, maxBytes: undefined, verify: true }), size);
}

describe('the database', () => {
  it('waits for the disk at every commit, and is usable by one process only', async () => {
    const { db } = openDatabase({
      path: place.path(),
      create: true,
      maxBytes: undefined,
      verify: false,
    });
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA locking_mode').get()).toEqual({ locking_mode: 'exclusive' });
    db.close();
  });
});

describe('the index in two levels', () => {
  const tiny: LookupSize = { recent: 120, slice: 16 };

  function expectFound(store: Store, intents: readonly Intent[]): void {
    for (const intent of intents) {
      expect(store.findBySerial(intent.serial)).toEqual({ intent, result: undefined });
      expect(store.findByPublicKey(intent.spkiSha256, 5).map((entry) => entry.intent)).toEqual([intent]);
    }
  }

  it('finds every record before, while and after it is folded into the file, and refuses its serial', async () => {
    const store = open(place.path(), tiny);
    const intents: Intent[] = [];
    let folding = 0;
    for (let i = 0; i < 120; i++) {
      const intent = newIntent({ identity: `spiffe://cluster.local/ns/n/sa/s${i % 3}` });
      intents.push(intent);
      expect(store.commit(packed(intent))).toEqual([]);
      if (store.tidy()) folding++;
      const earlier = intents[Math.floor(i / 2)] ?? intent;
      expect(store.commit(packed(earlier)).map(({ code }) => code)).toEqual(['LEDGER_SERIAL_EXISTS']);
      expectFound(store, [intent, earlier]);
    }
    expect(folding).toBeGreaterThan(10);
    expectFound(store, intents);
    const third = intents.filter((_, i) => i % 3 === 1).toReversed();
    const found = store.findByIdentity('spiffe://cluster.local/ns/n/sa/s1', 1000);
    expect(found.map((entry) => entry.intent)).toEqual(third);
    store.close();
  });

  it.each([0, 1, 2, 5, 9])('takes a fold up again that was cut off after %i pieces', async (pieces) => {
    const path = place.path();
    const intents = Array.from({ length: 60 }, () => newIntent());
    let store = open(path, tiny);
    for (const intent of intents) store.commit(packed(intent));
    for (let i = 0; i < pieces; i++) expect(store.tidy()).toBe(true);
    store.close();
    store = open(path, tiny);
    expectFound(store, intents);
    while (store.tidy());
    store.close();
    store = open(path, tiny);
    expectFound(store, intents);
    store.close();
    const db = new DatabaseSync(path);
    expect(db.prepare('SELECT count(*) AS n FROM lookup').get()).toEqual({ n: 180 });
    expect(db.prepare('SELECT indexed_through AS n FROM state').get()).toEqual({ n: 60 });
    db.close();
  });

  it('tells values apart that share a key', async () => {
    const path = place.path();
    const tail = '0102030405ff';
    const twins = [1, 2].map((start) =>
      newIntent({
        serial: `0${start}${tail}`,
        spkiSha256: `${tail}${`0${start}`.repeat(26)}`,
      }),
    );
    const store = open(path);
    expect(store.commit(packed(...twins))).toEqual([]);
    expectFound(store, twins);
    store.close();
  });
});

it.each([0, 1, 8, 9, 40])('finds a result that came %i commits after its intent', async (commits) => {
  const path = place.path();
  let store = open(path, { recent: 30, slice: 16 });
  const intent = newIntent();
  const result = resultOf(intent);
  const others = Array.from({ length: 60 }, () => newIntent());
  if (commits === 0) store.commit(packed(intent, result));
  else store.commit(packed(intent));
  for (const [i, other] of others.entries()) {
    if (i === commits - 1) store.commit(packed(result));
    else store.commit(packed(other));
    while (store.tidy());
  }
  for (const start of ['the first', 'the next']) {
    expect(store.findBySerial(intent.serial), start).toEqual({ intent, result });
    expect(store.findByPublicKey(intent.spkiSha256, 5)).toEqual([{ intent, result }]);
    expect(store.commit(packed(result, { ...result, outcome: 'discarded' }))).toEqual([
      expect.objectContaining({ index: 1, code: 'LEDGER_RESULT_EXISTS' }),
    ]);
    store.close();
    store = open(path);
  }
  store.close();
});

describe('the log', () => {
  it('is copied into the file when it has grown, and does not grow without end', async () => {
    const path = place.path();
    const store = open(path, { recent: 600, slice: 300 });
    const sizes = new Set<number>();
    for (let i = 0; i < 400; i++) {
      const intents = Array.from({ length: 20 }, () => newIntent());
      store.commit(packed(...intents, ...intents.map((one) => resultOf(one))));
      while (store.tidy());
      sizes.add(statSync(path).size);
    }
    expect(sizes.size).toBeGreaterThan(3);
    expect(statSync(`${path}-wal`).size).toBeLessThan(10 * 2 ** 20);
    store.close();
  });
});
