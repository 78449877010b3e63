import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger } from '#ledger/ledger.ts';
import type { Intent } from '#ledger/record.ts';
import { authority, codeOf, newIntent, resultOf } from './records.ts';

/** Opens the ledger of one place, again and again, with what it holds. */
type OpenLedger = () => Promise<Ledger>;

/** What every store must do, whatever it is made of. */
export function ledgerContract(name: string, newPlace: () => OpenLedger): void {
  describe(`${name}: the contract of a ledger`, () => {
    let open: OpenLedger;
    let ledger: Ledger;

    beforeEach(async () => {
      open = newPlace();
      ledger = await open();
    });

    afterEach(() => ledger.close());

    async function reopen(): Promise<void> {
      await ledger.close();
      ledger = await open();
    }

    it('gives an intent back as it was recorded, also after it was closed and opened', async () => {
      const intent = newIntent({ requestUid: 'ü-uid', identity: 'spiffe://cluster.local/ns/a/sa/b' });
      await ledger.recordIntent(intent);
      expect(await ledger.findBySerial(intent.serial)).toEqual({ intent, result: undefined });
      await reopen();
      expect(await ledger.findBySerial(intent.serial)).toEqual({ intent, result: undefined });
    });

    it('gives results back, of both outcomes, with and without a certificate', async () => {
      const [issued, discarded, unsigned] = [newIntent(), newIntent({ kind: 'issuing' }), newIntent()];
      const results = [
        resultOf(issued),
        resultOf(discarded, { outcome: 'discarded' }),
        resultOf(unsigned, { outcome: 'discarded', certificateSha256: undefined }),
      ];
      await Promise.all([issued, discarded, unsigned].map((intent) => ledger.recordIntent(intent)));
      await Promise.all(results.map((result) => ledger.recordResult(result)));
      await reopen();
      for (const result of results) {
        expect((await ledger.findBySerial(result.serial))?.result).toEqual(result);
      }
    });

    it('refuses a serial for the second time and keeps the first record', async () => {
      const first = newIntent();
      await ledger.recordIntent(first);
      const second = newIntent({ serial: first.serial });
      expect(await codeOf(ledger.recordIntent(second))).toBe('LEDGER_SERIAL_EXISTS');
      await ledger.recordResult(resultOf(first));
      await reopen();
      expect(await codeOf(ledger.recordIntent(second))).toBe('LEDGER_SERIAL_EXISTS');
      expect((await ledger.findBySerial(first.serial))?.intent).toEqual(first);
      expect(await ledger.findByPublicKey(second.spkiSha256)).toEqual([]);
    });

    it('lets one of two intents with the same serial through when both come at once, and all their neighbours', async () => {
      const intents = Array.from({ length: 40 }, () => newIntent());
      const twin = newIntent({ serial: intents[7]?.serial ?? '' });
      const codes = await Promise.all(
        [...intents.slice(0, 20), twin, ...intents.slice(20)].map((one) => codeOf(ledger.recordIntent(one))),
      );
      expect(codes.filter((code) => code !== undefined)).toEqual(['LEDGER_SERIAL_EXISTS']);
      for (const intent of intents)
        expect((await ledger.findBySerial(intent.serial))?.intent).toEqual(intent);
    });

    it('compares serials byte for byte: length and leading zeros count', async () => {
      const serials = ['01', '0001', '000001', '7f01', 'ff01', '01'.repeat(20)];
      for (const serial of serials) await ledger.recordIntent(newIntent({ serial }));
      for (const serial of serials) {
        expect((await ledger.findBySerial(serial))?.intent.serial).toEqual(serial);
      }
      expect(await ledger.findBySerial('00')).toBeUndefined();
    });

    it('refuses a result without an intent, and keeps nothing of it', async () => {
      const never = newIntent();
      expect(await codeOf(ledger.recordResult(resultOf(never)))).toBe('LEDGER_INTENT_MISSING');
      expect(await ledger.findBySerial(never.serial)).toBeUndefined();
      await ledger.recordIntent(never);
      expect(await ledger.findBySerial(never.serial)).toEqual({ intent: never, result: undefined });
    });

    it('takes the same result again, and refuses a different one', async () => {
      const intent = newIntent();
      await ledger.recordIntent(intent);
      await ledger.recordResult(resultOf(intent));
      await ledger.recordResult(resultOf(intent, { recordedAt: intent.recordedAt + 99 }));
      const other = resultOf(intent, { outcome: 'discarded' });
      expect(await codeOf(ledger.recordResult(other))).toBe('LEDGER_RESULT_EXISTS');
      expect((await ledger.findBySerial(intent.serial))?.result).toEqual(resultOf(intent));
    });

    it('takes an intent and its result in one go, in that order only', async () => {
      const [forward, backward] = [newIntent(), newIntent()];
      const codes = await Promise.all([
        codeOf(ledger.recordIntent(forward)),
        codeOf(ledger.recordResult(resultOf(forward))),
        codeOf(ledger.recordResult(resultOf(backward))),
        codeOf(ledger.recordIntent(backward)),
      ]);
      expect(codes).toEqual([undefined, undefined, 'LEDGER_INTENT_MISSING', undefined]);
    });

    it('finds by public key and by identity, newest first, up to the limit', async () => {
      const identity = 'spiffe://cluster.local/ns/default/sa/many';
      const mine: Intent[] = [];
      for (let i = 0; i < 5; i++) {
        const spkiSha256 = `0${i % 2}`.repeat(32);
        mine.unshift(newIntent({ identity, spkiSha256 }));
        if (mine[0] !== undefined) await ledger.recordIntent(mine[0]);
        await ledger.recordIntent(newIntent({ identity: `${identity}-not` }));
      }
      const serials = async (found: ReturnType<Ledger['findByIdentity']>) =>
        (await found).map(({ intent }) => intent.serial);
      const wanted = mine.map(({ serial }) => serial);
      expect(await serials(ledger.findByIdentity(identity))).toEqual(wanted);
      expect(await serials(ledger.findByIdentity(identity, 2))).toEqual(wanted.slice(0, 2));
      expect(await serials(ledger.findByPublicKey('01'.repeat(32)))).toEqual([wanted[1], wanted[3]]);
      expect(await ledger.findByIdentity('spiffe://cluster.local/ns/default/sa/none')).toEqual([]);
      await reopen();
      expect(await serials(ledger.findByIdentity(identity, 3))).toEqual(wanted.slice(0, 3));
    });

    it('knows the newest notAfter per authority and kind from the intent on, and never lowers it', async () => {
      expect(await ledger.newestNotAfter(authority)).toBeUndefined();
      const late = newIntent({ notAfter: 1_790_200_000 });
      await ledger.recordIntent(late);
      await ledger.recordIntent(newIntent({ notAfter: 1_790_100_000 }));
      await ledger.recordIntent(newIntent({ notAfter: 1_799_000_000, kind: 'issuing' }));
      await ledger.recordIntent(newIntent({ notAfter: 1_790_300_000, authority: 'c3'.repeat(20) }));
      await ledger.recordResult(resultOf(late, { outcome: 'discarded' }));
      await reopen();
      await ledger.recordIntent(newIntent({ notAfter: 1_790_100_000 }));
      expect(await ledger.newestNotAfter(authority)).toBe(1_790_200_000);
      expect(await ledger.newestNotAfter(authority, 'issuing')).toBe(1_799_000_000);
      expect(await ledger.newestNotAfter('c3'.repeat(20))).toBe(1_790_300_000);
    });

    it('does not count what it refused in the newest notAfter', async () => {
      const intent = newIntent();
      await ledger.recordIntent(intent);
      await codeOf(ledger.recordIntent({ ...intent, notAfter: intent.notAfter + 9999 }));
      expect(await ledger.newestNotAfter(authority)).toBe(intent.notAfter);
    });

    it('reports intents without result, oldest first, until they have one', async () => {
      const intents = Array.from({ length: 4 }, () => newIntent());
      for (const intent of intents) await ledger.recordIntent(intent);
      if (intents[1] !== undefined) await ledger.recordResult(resultOf(intents[1]));
      await reopen();
      expect(await ledger.unresolvedIntents()).toEqual([intents[0], intents[2], intents[3]]);
      expect(await ledger.unresolvedIntents(1)).toEqual([intents[0]]);
      for (const intent of [0, 2, 3].map((i) => intents[i])) {
        if (intent !== undefined) await ledger.recordResult(resultOf(intent, { outcome: 'discarded' }));
      }
      expect(await ledger.unresolvedIntents()).toEqual([]);
    });

    it.each([
      ['an empty serial', { serial: '' }],
      ['a serial of 21 bytes', { serial: '01'.repeat(21) }],
      ['a serial in upper case', { serial: '0A' }],
      ['half a byte', { serial: '012' }],
      ['a short digest', { spkiSha256: '00'.repeat(20) }],
      ['a digest that is no hex', { tbsSha256: 'g'.repeat(64) }],
      ['half a second', { notAfter: 1.5 }],
      ['no identity', { identity: '' }],
      ['an endless identity', { identity: 'x'.repeat(5000) }],
    ] satisfies [string, Partial<Intent>][])('refuses a record with %s, and goes on', async (_, changes) => {
      expect(await codeOf(ledger.recordIntent(newIntent(changes)))).toBe('LEDGER_RECORD_INVALID');
      await ledger.recordIntent(newIntent());
    });

    it('proves that it can write, as often as it is asked', async () => {
      await ledger.check();
      await ledger.check();
      expect(await ledger.unresolvedIntents()).toEqual([]);
    });

    it('finishes what it accepted before it closes, and refuses what comes later', async () => {
      const intents = Array.from({ length: 50 }, () => newIntent());
      const recorded = Promise.all(intents.map((intent) => ledger.recordIntent(intent)));
      const closed = ledger.close();
      expect(await codeOf(ledger.recordIntent(newIntent()))).toBe('LEDGER_CLOSED');
      expect(await codeOf(ledger.check())).toBe('LEDGER_CLOSED');
      await recorded;
      await closed;
      await ledger.close();
      ledger = await open();
      expect((await ledger.unresolvedIntents()).length).toBe(50);
    });
  });
}
