import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createSigningRequestReconciler } from '#csr/signing-request/controller/reconciler.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { hierarchy, now } from '../ca/support/hierarchy.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { signedRequest } from '../x509/support/request.ts';
import { answerContext } from './support/answer-context.ts';
import { signingRequest } from './support/signing-request.ts';

test('an answer is timed by a clock that only goes forward, whatever the time of day does meanwhile', async () => {
  const clock = { wall: now * 1000, monotonic: 5_000 };
  const { reconciler, seconds } = await setUp({
    clock,
    async updateStatus(_resource, object) {
      clock.monotonic += 250;
      clock.wall -= 3_600_000;
      return object;
    },
  });
  await reconciler.answer('web');
  expect(seconds).toEqual([0.25]);
});

test('a certificate that waits to be written is forgotten with its request', async () => {
  let writes = 0;
  const { reconciler, seconds } = await setUp({
    async updateStatus(_resource, object) {
      if (writes++ === 0) throw new KubeError('KUBE_UNAVAILABLE', 'connect ECONNREFUSED');
      return object;
    },
  });
  await expect(reconciler.answer('web')).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  // What waits would be written to the request as the server has it now, which is read for that.
  await expect(reconciler.answer('web')).rejects.toThrow('nothing has to be read');
  reconciler.forget('web');
  await reconciler.answer('web');
  expect(seconds).toHaveLength(1);
});

test('a certificate whose request went while it was written is not kept', async () => {
  let writes = 0;
  const world = { waits: true };
  const { reconciler, seconds } = await setUp({
    world,
    async updateStatus(_resource, object) {
      if (writes++ > 0) return object;
      world.waits = false;
      throw new KubeError('KUBE_UNAVAILABLE', 'connect ECONNREFUSED');
    },
  });
  await expect(reconciler.answer('web')).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  world.waits = true;
  await reconciler.answer('web');
  expect(seconds).toHaveLength(1);
});

test('a request that was answered, and of which the watch does not know it yet, is not signed again', async () => {
  const world = { waits: true };
  const { reconciler, seconds } = await setUp({ world, updateStatus: async (_resource, object) => object });
  await reconciler.answer('web');
  await reconciler.answer('web');
  expect(seconds).toHaveLength(1);
});

test('what was answered is not remembered for longer than it waits', async () => {
  const world = { waits: true };
  const { reconciler, seconds } = await setUp({
    world,
    async updateStatus(_resource, object) {
      // The watch is sooner than the answer to the write.
      world.waits = false;
      return object;
    },
  });
  await reconciler.answer('web');
  world.waits = true;
  await reconciler.answer('web');
  expect(seconds).toHaveLength(2);
  world.waits = true;
  reconciler.forget('web');
  await reconciler.answer('web');
  expect(seconds).toHaveLength(3);
});

interface Parts {
  readonly world?: { waits: boolean };
  readonly clock?: { wall: number; monotonic: number };
  readonly updateStatus: KubeClient['updateStatus'];
}

/** A reconciler of one request, 'web', that waits for as long as the world lets it. */
async function setUp({
  world = { waits: true },
  clock = { wall: now * 1000, monotonic: 0 },
  updateStatus,
}: Parts) {
  const ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
  onTestFinished(() => ledger.close());
  const { signer } = await hierarchy(ledger);
  const { metadata, spec } = signingRequest(signedRequest({ attributes: [] }));
  const request = { metadata, spec: { ...spec, usages: ['digital signature'] } };
  const seconds: number[] = [];
  const reconciler = createSigningRequestReconciler({
    ...answerContext(ledger, signer, { now: () => clock.wall }),
    client: { get: () => Promise.reject(new Error('nothing has to be read')), updateStatus },
    backlog: { get: () => (world.waits ? request : undefined) },
    share: { has: () => true, left: () => [], forget: () => undefined },
    events: { record: () => undefined },
    observer: { answered: (_outcome, _reason, took) => seconds.push(took), postponed: () => undefined },
    log: pino({ enabled: false }),
    monotonic: () => clock.monotonic,
  });
  return { reconciler, seconds };
}
