import { expect, test } from 'vitest';
import type { Event } from '#kube/object.ts';
import { events } from '#kube/resource.ts';
import { faultProxy, loseAnswer } from '../kube/fault-proxy.ts';
import { controlPlane } from '../support/control-plane.ts';
import { install, until } from '../support/installation.ts';
import { answered, approve, ask, chainOf, opensslRequest, requester } from './support/requester.ts';

test('a certificate whose delivery was not answered is found delivered, and reported as issued', async () => {
  const plane = await controlPlane();
  const proxy = await faultProxy();
  const on = await install({ ...plane, server: proxy.url, certificateAuthority: proxy.certificate });
  await on.createAuthority();
  await on.start();
  try {
    await on.readyAuthority();
    const web = await requester(on, 'web');
    const name = await ask(web, on, opensslRequest());
    const path = `/certificatesigningrequests/${name}/status`;
    let lost = 0;
    proxy.setFault((request, _response, forward) => {
      if (request.method !== 'PUT' || request.url?.includes(path) !== true) forward();
      else {
        lost++;
        void loseAnswer(request, plane);
      }
    });
    await approve(on, name);
    expect(chainOf(await answered(on, name))).toContain('BEGIN CERTIFICATE');
    const issued = await until('it is reported', async () =>
      on.logged().find(({ msg, signingRequest }) => msg === 'certificate issued' && signingRequest === name),
    );
    expect(issued['serial']).toMatch(/^[0-9a-f]+$/);
    expect(lost).toBe(1);
    expect(on.logged().filter(({ code }) => code === 'KUBE_OUTCOME_UNKNOWN')).toHaveLength(1);
    // Nobody is told that it was not signed.
    const fieldSelector = `involvedObject.name=${name}`;
    const { items } = await on.admin.list<Event>(events, { namespace: 'default', fieldSelector });
    expect(items).toEqual([]);
  } finally {
    await on.stop();
  }
});
