import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lease } from '#kube/object.ts';
import { leases } from '#kube/resource.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { killReplicaProcesses, startReplicaProcess } from '../support/replica-process.ts';
import { answered, askMany, type Requester, requester } from './support/requester.ts';

let on: Installation;
let web: Requester;
beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
  web = await requester(on, 'web');
});
afterAll(async () => {
  await killReplicaProcesses();
  await on.stop();
});

/** Until these replicas, and no others, say that they can sign, and each has had the time to hear the others. */
async function serving(...ordinals: readonly number[]): Promise<void> {
  const wanted = ordinals.map((ordinal) => `mangrove-${ordinal}`);
  await until(`${wanted.join(', ')} serve`, async () => {
    const { items } = await on.admin.list<Lease>(leases, {
      namespace: on.namespace,
      labelSelector: 'mangrove.dev/heartbeat',
    });
    const able = items.filter(
      ({ metadata }) => metadata.annotations?.['mangrove.dev/signer-names'] === on.signerName,
    );
    const found = new Set(able.map(({ spec }) => spec?.holderIdentity));
    return found.size === wanted.length && wanted.every((name) => found.has(name));
  });
}

/** How many leaves the ledger of this replica, which must have stopped, knows for the requester. */
async function signedBy(ordinal: number): Promise<number> {
  const ledger = await openSqliteLedger({ path: join(on.directory, `mangrove-${ordinal}.db`) });
  try {
    return (await ledger.findByIdentity(web.spiffeId, 1000)).length;
  } finally {
    await ledger.close();
  }
}

test('replicas share the requests, and take over from one that stops and from one that is killed', async () => {
  const first = await on.start(0);
  await on.readyAuthority();
  const second = await on.start(1);
  await serving(0, 1);

  const shared = await askMany(web, on, 40);
  for (const name of shared) await answered(on, name);

  // In good order: what waits is the other's at once.
  const afterStop = askMany(web, on, 10);
  await second.stop();
  for (const name of await afterStop) await answered(on, name);
  await serving(0);
  const bySecond = await signedBy(1);
  expect(bySecond).toBeGreaterThan(5);

  // By a crash: the others must notice by themselves.
  const doomed = await startReplicaProcess(on, 2);
  await serving(0, 2);
  await doomed.kill();
  const killed = performance.now();
  const afterCrash = await askMany(web, on, 20);
  for (const name of afterCrash) await answered(on, name);
  // After 8 seconds of silence it is dead to the others; the rest is for a machine that has other things to do.
  expect(performance.now() - killed).toBeLessThan(15_000);

  await first.stop();
  const byFirst = await signedBy(0);
  expect(byFirst).toBeGreaterThan(20);
  expect(byFirst + bySecond + (await signedBy(2))).toBe(70);
});
