import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import type { CertificateSigningRequest, Event } from '#kube/object.ts';
import { certificateSigningRequests, events } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { install, until } from '../support/installation.ts';
import { answered, approve, ask, chainOf, opensslRequest, requester } from './support/requester.ts';

test('a ledger that cannot be written issues nothing, says so in an event, and goes on once it is mended', async () => {
  const broken = await install(await controlPlane());
  try {
    const config = await broken.config();
    const path = `${broken.directory}/absent/ledger.db`;
    await broken.createAuthority();
    const { health } = await broken.start(0, { config: { ...config, ledger: { path } } });
    const by = await requester(broken, 'web');
    const name = await ask(by, broken, opensslRequest());
    await approve(broken, name);
    await until('an event says so', async () => {
      const { items } = await broken.admin.list<Event>(events, {
        namespace: 'default',
        fieldSelector: `involvedObject.name=${name}`,
      });
      return items.find(({ type }) => type === 'Warning');
    });
    expect(
      (await broken.admin.get<CertificateSigningRequest>(certificateSigningRequests, name)).status,
    ).not.toHaveProperty('certificate');
    const ready = await fetch(`http://127.0.0.1:${health.port}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('ledger')]);
    expect((await fetch(`http://127.0.0.1:${health.port}/livez`)).status).toBe(200);
    mkdirSync(dirname(path));
    expect(chainOf(await answered(broken, name))).toContain('BEGIN CERTIFICATE');
    expect(existsSync(path)).toBe(true);
  } finally {
    await broken.stop();
  }
});
