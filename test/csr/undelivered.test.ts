import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '#kube/object.ts';
import { events } from '#kube/resource.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { parseCertificate } from '#x509/certificate.ts';
import { parsePem } from '#x509/pem.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import {
  answered,
  approve,
  ask,
  chainOf,
  failureOf,
  opensslRequest,
  requester,
} from './support/requester.ts';

let on: Installation;
beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
});
afterAll(() => on.stop());

/** Takes the right to write answers away, or gives it back. */
async function maySign(allowed: boolean): Promise<void> {
  const resources = allowed ? ['certificatesigningrequests/status'] : ['none'];
  const name = `mangrove-${on.namespace.replace('-system', '')}`;
  const patch = [{ op: 'replace', path: '/rules/1/resources', value: resources }];
  await on.kubectl(['patch', 'clusterrole', name, '--type=json', `--patch=${JSON.stringify(patch)}`]);
}

function postponed(name: string): Promise<Event> {
  return until(`${name} is postponed`, async () => {
    const fieldSelector = `involvedObject.name=${name}`;
    const { items } = await on.admin.list<Event>(events, { namespace: 'default', fieldSelector });
    return items.find(({ reason }) => reason === 'Forbidden');
  });
}

test('an answer that could not be written is written later, and nothing is signed twice', async () => {
  const mangrove = await on.start();
  await on.readyAuthority();
  const web = await requester(on, 'web');
  const replaced = await requester(on, 'replaced');
  await maySign(false);
  const name = await ask(web, on, opensslRequest());
  const other = await ask(replaced, on, opensslRequest());
  await approve(on, name);
  await approve(on, other);
  await postponed(name);
  await postponed(other);
  // Somebody else by the time that the answer can be written: what was signed for the first is not delivered.
  for (const verb of ['delete', 'create']) {
    await on.kubectl([verb, 'serviceaccount', 'replaced', '--namespace', on.namespace]);
  }
  await maySign(true);
  const [der = Buffer.alloc(0)] = parsePem(chainOf(await answered(on, name)), 'CERTIFICATE');
  expect(failureOf(await answered(on, other))?.reason).toBe('RequesterReplaced');
  await mangrove.stop();
  const ledger = await openSqliteLedger({ path: join(on.directory, 'mangrove-0.db') });
  try {
    const entries = await ledger.findByIdentity(web.spiffeId);
    expect(entries.map(({ intent }) => intent.serial)).toEqual([
      parseCertificate(der).serial.toString('hex'),
    ]);
  } finally {
    await ledger.close();
  }
});
