import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Signer } from '#ca/issuance/signer.ts';
import { type AnswerContext, answer, answerAgain, type Issued } from '#csr/signing-request/answer.ts';
import { MangroveError } from '#errors/error.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { hierarchy } from '../ca/support/hierarchy.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { signedRequest } from '../x509/support/request.ts';
import { answerContext } from './support/answer-context.ts';
import { signingRequest } from './support/signing-request.ts';

const request = signingRequest(signedRequest({ attributes: [] }));
let ledger: Ledger;
let signer: Signer;
/** What was signed, and not delivered. */
let earlier: Issued;

beforeAll(async () => {
  ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
  ({ signer } = await hierarchy(ledger));
  const given = await answer(request, answerContext(ledger, signer));
  if (given.outcome !== 'issued') throw new Error(given.message);
  earlier = given;
});
afterAll(() => ledger.close());

const again = (difference: Partial<AnswerContext> = {}) =>
  answerAgain(request, earlier, answerContext(ledger, signer, difference));
/** The end of the earlier certificate, and so many seconds before it. */
const beforeItsEnd = (seconds: number) => (): number => (earlier.leaf.notAfter - seconds) * 1000;

describe('a certificate that was not delivered', () => {
  test('is delivered as it is while all of it would be given again', async () => {
    expect(await again()).toBe(earlier);
    expect(await again({ now: beforeItsEnd(300) })).toBe(earlier);
  });

  test.each<[string, () => Partial<AnswerContext>]>([
    [
      'the profile has changed',
      () => ({ findSigner: () => ({ ...signer, profile: { ...signer.profile, lifetime: 3_600 } }) }),
    ],
    ['less than five minutes of it are left', () => ({ now: beforeItsEnd(299) })],
  ])('is replaced by a new one when %s', async (_, difference) => {
    const given = await again(difference());
    expect(given).toMatchObject({ outcome: 'issued', identity: earlier.identity });
    expect(given).not.toMatchObject({ leaf: { serial: earlier.leaf.serial } });
  });

  test('is replaced by a new one under another issuing certificate', async () => {
    const { signer: other } = await hierarchy(ledger);
    expect(await again({ findSigner: () => other })).toMatchObject({
      outcome: 'issued',
      issuer: other.issuing.certificate.sha256,
    });
  });

  test('does not leave once the fence is shut, also when that was while the requester was looked up', async () => {
    const stale = new MangroveError('CA_NOT_CONFIRMED', 'last confirmed 601 s ago');
    let shut = false;
    const late = again({
      uids: {
        observed: () => undefined,
        async read() {
          shut = true;
          return 's-1';
        },
      },
      requireFence() {
        if (shut) throw stale;
      },
    });
    await expect(late).rejects.toBe(stale);
  });

  test('is refused to a requester that is another one by now', async () => {
    const uids = { observed: () => 's-2', read: () => Promise.resolve('s-2') };
    expect(await again({ uids })).toMatchObject({ outcome: 'refused', code: 'CSR_REQUESTER_REPLACED' });
  });
});
