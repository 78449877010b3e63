import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { migrations } from '#ledger/sqlite/schema.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { temporaryPlace } from '../place.ts';
import { codeOf, newIntent } from '../records.ts';
import { history } from './history.ts';

const place = temporaryPlace();

/** A file as the program of that version left it, part of it indexed. */
async function writtenBy(version: number): Promise<string> {
  const path = place.path();
  const file = new URL(`fixtures/version-${version}.db.gz`, import.meta.url);
  writeFileSync(path, gunzipSync(readFileSync(file)));
  return path;
}

// A new version adds its file: `history` recorded by the program as it is released, gzip -9.
it.each(migrations.map((_, step) => step + 1))(
  'a ledger of version %i is brought up to date with all that it knew',
  async (version) => {
    const path = await writtenBy(version);
    for (const start of ['the first', 'the next']) {
      const ledger = place.keep(await openSqliteLedger({ path }));
      for (const entry of history) {
        const { intent } = entry;
        expect(await ledger.findBySerial(intent.serial), start).toEqual(entry);
        expect(await ledger.findByPublicKey(intent.spkiSha256)).toContainEqual(entry);
        expect(await ledger.findByIdentity(intent.identity)).toContainEqual(entry);
        expect(await codeOf(ledger.recordIntent(newIntent({ serial: intent.serial })))).toBe(
          'LEDGER_SERIAL_EXISTS',
        );
      }
      const unresolved = history.filter(({ result }) => result === undefined).map(({ intent }) => intent);
      expect(await ledger.unresolvedIntents()).toEqual(unresolved);
      for (const authority of ['a1', 'b2'].map((byte) => byte.repeat(20))) {
        for (const kind of ['leaf', 'issuing'] as const) {
          const own = history.filter(({ intent }) => intent.authority === authority && intent.kind === kind);
          const newest = Math.max(...own.map(({ intent }) => intent.notAfter));
          expect(await ledger.newestNotAfter(authority, kind)).toBe(newest);
        }
      }
      await ledger.close();
    }
  },
);
