import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clock, systemClock } from '#kube/clock.ts';
import type { ClusterTrustBundle, Event } from '#kube/object.ts';
import { clusterTrustBundles, events } from '#kube/resource.ts';
import type { Mangrove } from '#main.ts';
import { parseCertificate } from '#x509/certificate.ts';
import { parsePem } from '#x509/pem.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { answered, askMany, chainOf, type Requester, requester } from './support/requester.ts';

const hour = 3_600_000;
let aheadMs = 0;
/** A clock that an operator, or a broken NTP server, sets. */
const clock: Clock = { ...systemClock, wall: () => Date.now() + aheadMs };

let on: Installation;
let web: Requester;
let mangrove: Mangrove;
beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
  mangrove = await on.start(0, { clock });
  await on.readyAuthority();
  web = await requester(on, 'web');
});
afterAll(() => on.stop());

async function get(path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${mangrove.health.port}${path}`)).text();
}

async function one(): Promise<string> {
  const [name = ''] = await askMany(web, on, 1);
  return name;
}

function published(): Promise<ClusterTrustBundle> {
  const name = `${on.signerName.replace('/', ':')}:${on.trustDomain}`;
  return on.admin.get<ClusterTrustBundle>(clusterTrustBundles, name);
}

async function expectDatesOfNow(name: string): Promise<void> {
  const [der = Buffer.alloc(0)] = parsePem(chainOf(await answered(on, name)), 'CERTIFICATE');
  const { notBefore, notAfter } = parseCertificate(der);
  const now = Date.now() / 1000;
  expect(Math.abs(notAfter - now - 86_400)).toBeLessThan(60);
  expect(notBefore).toBeLessThan(now);
}

test.each([
  ['an hour ahead', hour],
  ['an hour behind', -hour],
  ['two years ahead, beyond the end of every root', 2 * 365 * 24 * hour],
])(
  'a clock that jumps %s signs nothing and expires nothing, says so, and goes on when it is right again',
  async (_, jump) => {
    const before = await published();
    aheadMs = jump;
    try {
      const name = await one();
      const postponed = await until('an event says why', async () => {
        const fieldSelector = `involvedObject.name=${name}`;
        const { items } = await on.admin.list<Event>(events, { namespace: 'default', fieldSelector });
        return items.find(({ reason }) => reason === 'ClockSkewed');
      });
      expect(postponed.message).toContain('CA_CLOCK_SKEWED');
      expect(await get('/readyz')).toContain('CA_CLOCK_SKEWED');
      const [, skew] = /^mangrove_clock_skew_seconds (\S+)$/m.exec(await get('/metrics')) ?? [];
      expect(Math.abs(Number(skew) - jump / 1000)).toBeLessThan(5);
      aheadMs = 0;
      await expectDatesOfNow(name);
    } finally {
      aheadMs = 0;
    }
    expect(await published()).toEqual(before);
  },
);

test('a minute ahead is borne, and moves no date', async () => {
  aheadMs = 60_000;
  try {
    await expectDatesOfNow(await one());
  } finally {
    aheadMs = 0;
  }
});
