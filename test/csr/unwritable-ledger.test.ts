import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import type { CertificateSigningRequest, Event } from '#kube/object.ts';
import { certificateSigningRequests, events } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { answered, approve, ask, chainOf, opensslRequest, requester } from './support/requester.ts';

/** A replica whose ledger has no directory to lie in, and a request that it should answer. */
async function broken(on: Installation) {
  const config = await on.config();
  const path = `${on.directory}/absent/ledger.db`;
  await on.createAuthority();
  const { health } = await on.start(0, { config: { ...config, ledger: { path } } });
  const name = await ask(await requester(on, 'web'), on, opensslRequest());
  await approve(on, name);
  return { path, health, name };
}

test('a ledger that cannot be written issues nothing, says so in an event, and goes on once it is mended', async () => {
  const on = await install(await controlPlane());
  try {
    const { path, health, name } = await broken(on);
    await until('an event says so', async () => {
      const { items } = await on.admin.list<Event>(events, {
        namespace: 'default',
        fieldSelector: `involvedObject.name=${name}`,
      });
      return items.find(({ type }) => type === 'Warning');
    });
    expect(
      (await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name)).status,
    ).not.toHaveProperty('certificate');
    const ready = await fetch(`http://127.0.0.1:${health.port}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('ledger')]);
    expect((await fetch(`http://127.0.0.1:${health.port}/livez`)).status).toBe(200);
    mkdirSync(dirname(path));
    expect(chainOf(await answered(on, name))).toContain('BEGIN CERTIFICATE');
    expect(existsSync(path)).toBe(true);
  } finally {
    await on.stop();
  }
});

test('however often a request was tried in vain, it is tried again within half a minute: nobody tells of a mended disk', async () => {
  const on = await install(await controlPlane());
  try {
    const { name } = await broken(on);
    // Each change of the request is one more try; by the default backoff the twentieth pause has minutes.
    const failures = await until('it was tried many times', async () => {
      const annotations = { 'example.com/tried-at': `${performance.now()}` };
      await on.admin.patch(certificateSigningRequests, { name }, { metadata: { annotations } });
      const tries = on.logged().filter(({ msg, key }) => msg === 'reconcile failed' && key === name);
      return tries.length >= 20 && tries;
    });
    expect(Math.max(...failures.map(({ retryMs }) => Number(retryMs)))).toBeLessThanOrEqual(30_000);
  } finally {
    await on.stop();
  }
});
