import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CertificateSigningRequest, Event } from '#kube/object.ts';
import { certificateSigningRequests, events } from '#kube/resource.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import type { Mangrove } from '#main.ts';
import {
  answered,
  approve,
  ask,
  chainOf,
  opensslRequest,
  type Requester,
  requester,
} from '../csr/support/requester.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { mountVolume, type Volume } from './volume.ts';

/** The whole product, with a ledger on a volume that fails under it. */
let on: Installation;
let by: Requester;
let volume: Volume | undefined;
let directory: string;

beforeAll(async () => {
  on = await install(await controlPlane());
  volume = mountVolume(join(on.directory, 'volume'));
  directory = volume?.directory ?? on.directory;
  await on.createAuthority();
  by = await requester(on, 'web');
});
afterAll(async () => {
  await on?.stop();
  volume?.remove();
});

async function start(file: string): Promise<Mangrove> {
  return on.start(0, { config: { ...(await on.config()), ledger: { path: join(directory, file) } } });
}

async function asked(): Promise<string> {
  const name = await ask(by, on, opensslRequest());
  await approve(on, name);
  return name;
}

async function serialOf(name: string): Promise<string> {
  return new X509Certificate(chainOf(await answered(on, name))).serialNumber.toLowerCase();
}

async function get({ health }: Mangrove, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${health.port}${path}`);
  return { status: response.status, body: await response.text() };
}

/** A replica that starts makes no issuing certificate that it cannot record; then it is that which the request waits for. */
const withoutSigner = 'AuthorityNotReady';

/** Says so in an event of the request, in readiness and in a metric; signs nothing; lives. */
async function expectRefusal(mangrove: Mangrove, name: string, code: string, reason: string): Promise<void> {
  await until(`an event ${reason}`, async () => {
    const fieldSelector = `involvedObject.name=${name},type=Warning`;
    const { items } = await on.admin.list<Event>(events, { namespace: 'default', fieldSelector });
    return items.find((event) => event.reason === reason);
  });
  const request = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
  expect(request.status?.certificate).toBeUndefined();
  expect(request.status?.conditions?.map(({ type }) => type)).toEqual(['Approved']);
  const { status, body } = await get(mangrove, '/readyz');
  const { checks } = JSON.parse(body) as { checks: { name: string; ok: boolean; message: string }[] };
  expect([status, checks.find(({ name: check }) => check === 'ledger')]).toEqual([
    503,
    expect.objectContaining({ ok: false, message: expect.stringContaining(directory) }),
  ]);
  expect((await get(mangrove, '/metrics')).body).toMatch(
    new RegExp(`mangrove_ledger_errors_total\\{code="${code}"\\} [1-9]`),
  );
  expect((await get(mangrove, '/livez')).status).toBe(200);
}

/** Repaired: the request is answered by the same process, and nothing of before is lost. */
async function expectRecovery(mangrove: Mangrove, file: string, before: string, name: string): Promise<void> {
  const after = await serialOf(name);
  await until('ready again', async () => (await get(mangrove, '/readyz')).status === 200);
  await mangrove.stop();
  const ledger = await openSqliteLedger({ path: join(directory, file) });
  for (const serial of [before, after]) {
    expect((await ledger.findBySerial(serial))?.result?.outcome, serial).toBe('issued');
  }
  await ledger.close();
}

describe('a volume', () => {
  test('that is full stops issuance until there is room', async (context) => {
    if (volume === undefined) return context.skip('may not mount');
    const mangrove = await start('full.db');
    const before = await serialOf(await asked());
    volume.fill();
    const name = await asked();
    await expectRefusal(mangrove, name, 'LEDGER_FULL', 'LedgerFull');
    volume.makeRoom();
    await expectRecovery(mangrove, 'full.db', before, name);
  });

  test('that is read-only after a restart stops issuance until it is writable', async (context) => {
    if (volume === undefined) return context.skip('may not mount');
    const mangrove = await start('read-only.db');
    const before = await serialOf(await asked());
    // As after a reboot that found errors; a file that is open for writing would not let us.
    await mangrove.stop();
    volume.setReadOnly(true);
    const restarted = await start('read-only.db');
    const name = await asked();
    await expectRefusal(restarted, name, 'LEDGER_READ_ONLY', withoutSigner);
    volume.setReadOnly(false);
    await expectRecovery(restarted, 'read-only.db', before, name);
  });
});

test('a damaged ledger stops issuance until a backup is in its place', async () => {
  const path = join(directory, 'damaged.db');
  const first = await start('damaged.db');
  const before = await serialOf(await asked());
  await first.stop();
  copyFileSync(path, `${path}.backup`);
  const content = readFileSync(path);
  writeFileSync(path, content.fill(0x5a, 4096));
  const mangrove = await start('damaged.db');
  const name = await asked();
  await expectRefusal(mangrove, name, 'LEDGER_DAMAGED', withoutSigner);
  copyFileSync(`${path}.backup`, path);
  await expectRecovery(mangrove, 'damaged.db', before, name);
});
