import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createSigningRequestReconciler } from '#csr/signing-request/controller/reconciler.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { hierarchy, now } from '../ca/support/hierarchy.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { signedRequest } from '../x509/support/request.ts';
import { answerContext } from './support/answer-context.ts';
import { signingRequest } from './support/signing-request.ts';

test('an answer is timed by a clock that only goes forward, whatever the time of day does meanwhile', async () => {
  const ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
  const { signer } = await hierarchy(ledger);
  const clock = { wall: now * 1000, monotonic: 5_000 };
  const seconds: number[] = [];
  const { metadata, spec } = signingRequest(signedRequest({ attributes: [] }));
  const request = { metadata, spec: { ...spec, usages: ['digital signature'] } };
  const reconcile = createSigningRequestReconciler({
    ...answerContext(ledger, signer, { now: () => clock.wall }),
    client: {
      get: () => Promise.reject(new Error('nothing has to be read')),
      async updateStatus(_resource, object) {
        clock.monotonic += 250;
        clock.wall -= 3_600_000;
        return object;
      },
    },
    backlog: { get: () => request },
    share: { has: () => true, left: () => [], forget: () => undefined },
    events: { record: () => undefined },
    observer: { answered: (_outcome, _reason, took) => seconds.push(took), postponed: () => undefined },
    log: pino({ enabled: false }),
    monotonic: () => clock.monotonic,
  });
  try {
    await reconcile('web');
    expect(seconds).toEqual([0.25]);
  } finally {
    await ledger.close();
  }
});
