import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createSigningRequestReconciler } from '#csr/signing-request/controller/reconciler.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import type { AnyObject } from '#kube/object.ts';
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

const written: KubeClient['updateStatus'] = async (_resource, object) => object;

test('a revision that was answered is not signed again while the watch still shows it', async () => {
  const { reconciler, seconds } = await setUp({ updateStatus: written });
  await reconciler.answer('web');
  // In case that the server goes back to it.
  expect(await reconciler.answer('web')).toEqual({ requeueAfterMs: 120_000 });
  expect(seconds).toHaveLength(1);
});

test('nor is one that turned out to be past', async () => {
  let writes = 0;
  const { reconciler } = await setUp({
    async updateStatus() {
      writes += 1;
      throw new KubeError('KUBE_CONFLICT', 'the object has been modified');
    },
  });
  await reconciler.answer('web');
  await reconciler.answer('web');
  expect(writes).toBe(1);
});

test('nor is one whose answer was lost and then found', async () => {
  const world = { waits: true, answered: false };
  let writes = 0;
  const { reconciler } = await setUp({
    world,
    async updateStatus() {
      writes += 1;
      world.answered = true;
      throw new KubeError('KUBE_UNAVAILABLE', 'read ECONNRESET');
    },
  });
  await expect(reconciler.answer('web')).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  await reconciler.answer('web');
  expect(await reconciler.answer('web')).toEqual({ requeueAfterMs: 120_000 });
  expect(writes).toBe(1);
});

test.each<readonly [string, (world: World, clock: { monotonic: number }, forget: () => void) => void]>([
  ['another revision', (world) => void (world.resourceVersion = '2')],
  ['another request of that name', (world) => void (world.uid = 'r-2')],
  ['the same after a time', (_world, clock) => void (clock.monotonic += 120_000)],
  ['the same after it was gone', (_world, _clock, forget) => forget()],
])('%s is answered', async (_, change) => {
  const world: World = { waits: true };
  const clock = { wall: now * 1000, monotonic: 0 };
  const { reconciler, seconds } = await setUp({ world, clock, updateStatus: written });
  await reconciler.answer('web');
  change(world, clock, () => reconciler.forget('web'));
  await reconciler.answer('web');
  expect(seconds).toHaveLength(2);
});

test('nothing is kept of a request that the watch showed as answered before the server told us', async () => {
  const world = { waits: true };
  const { reconciler, seconds } = await setUp({
    world,
    async updateStatus(_resource, object) {
      world.waits = false;
      return object;
    },
  });
  await reconciler.answer('web');
  world.waits = true;
  await reconciler.answer('web');
  expect(seconds).toHaveLength(2);
});

/** What the watch shows, and what the server holds. */
interface World {
  waits: boolean;
  answered?: boolean;
  uid?: string;
  resourceVersion?: string;
}

interface Parts {
  readonly world?: World;
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
  const shown = () => ({
    metadata: { ...metadata, uid: world.uid ?? 'r-1', resourceVersion: world.resourceVersion ?? '1' },
    spec: { ...spec, usages: ['digital signature'] },
  });
  const seconds: number[] = [];
  /** Nothing has to be read of a request that waits. */
  async function read<T extends AnyObject>(): Promise<T> {
    if (world.answered !== true) throw new Error('nothing has to be read');
    const status = { conditions: [{ type: 'Approved', status: 'True' }], certificate: 'one' };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a CertificateSigningRequest is all that is asked for
    return { ...shown(), status } as unknown as T;
  }
  const reconciler = createSigningRequestReconciler({
    ...answerContext(ledger, signer, { now: () => clock.wall }),
    client: { get: read, updateStatus },
    backlog: { get: () => (world.waits ? shown() : undefined) },
    share: { has: () => true, left: () => [], forget: () => undefined },
    events: { record: () => undefined },
    observer: { answered: (_outcome, _reason, took) => seconds.push(took), postponed: () => undefined },
    log: pino({ enabled: false }),
    monotonic: () => clock.monotonic,
  });
  return { reconciler, seconds };
}
