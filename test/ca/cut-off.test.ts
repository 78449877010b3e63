import { expect, test } from 'vitest';
import type { CertificateSigningRequest, Event, Lease } from '#kube/object.ts';
import {
  certificateAuthorities,
  certificateSigningRequests,
  events,
  leases,
  secrets,
} from '#kube/resource.ts';
import { answered, askMany, requester } from '../csr/support/requester.ts';
import { answer, faultProxy, statusBody } from '../kube/fault-proxy.ts';
import { adminClient } from '../kube/lab.ts';
import { controlPlane } from '../support/control-plane.ts';
import { install, until } from '../support/installation.ts';

test('an authority that is deleted while its watch is cut off is served no more', async () => {
  const proxy = await faultProxy();
  const server = { ...(await controlPlane()), server: proxy.url, certificateAuthority: proxy.certificate };
  const on = await install(server);
  // Past the fault.
  const admin = await adminClient();
  const served = async (): Promise<string | undefined> => {
    const heartbeat = await admin.get<Lease>(leases, 'mangrove-0-heartbeat', { namespace: on.namespace });
    return heartbeat.metadata.annotations?.['mangrove.dev/signer-names'];
  };
  try {
    await on.createAuthority();
    await on.start();
    await on.readyAuthority();
    await until('it is served', async () => (await served()) === on.signerName);
    // Lists and watches; what is read by its name is answered.
    proxy.setFault((request, response, forward) => {
      const blind = /\/certificateauthorities(\?|$)/.test(request.url ?? '');
      if (blind) answer(response, 503, statusBody(503, 'ServiceUnavailable'));
      else forward();
    });
    proxy.cut();
    await admin.delete(certificateAuthorities, on.authority);
    // Else it would be looked at within the minute.
    await until('it is looked at', async () => {
      const body = { metadata: { annotations: { 'example.com/looked-at': `${performance.now()}` } } };
      const target = { name: `${on.authority}-authority-1`, namespace: on.namespace };
      await admin.patch(secrets, target, body, { metadataOnly: true });
      return (await served()) === '';
    });
  } finally {
    await on.stop();
  }
});

test('what cannot confirm its authority signs no more past the bound, says so, and goes on by itself', async () => {
  const proxy = await faultProxy();
  const server = { ...(await controlPlane()), server: proxy.url, certificateAuthority: proxy.certificate };
  const on = await install(server);
  const read = new RegExp(`/certificateauthorities/${on.authority}(?:[?]|$)`);
  try {
    await on.createAuthority({ rotation: { stalenessBound: '3s' } });
    const { health } = await on.start();
    await on.readyAuthority();
    const web = await requester(on, 'web');
    const readyz = async (): Promise<[number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${health.port}/readyz`);
      return [answer.status, await answer.text()];
    };
    const isReady = async (): Promise<boolean> => (await readyz())[0] === 200;
    await until('it is ready', isReady);

    // It hears of requests and could answer them. What it cannot do is to ask whether it still may.
    proxy.setFault((request, _response, forward) => {
      if (request.method === 'GET' && read.test(request.url ?? '')) request.socket.destroy();
      else forward();
    });
    await until('it is not confirmed any more', async () => {
      const [status, text] = await readyz();
      return status === 503 && text.includes('CA_NOT_CONFIRMED');
    });
    const [waiting = ''] = await askMany(web, on, 1);
    await until('an event says what the request waits for', async () => {
      const fieldSelector = `involvedObject.name=${waiting},reason=AuthorityNotConfirmed`;
      return (await on.admin.list<Event>(events, { namespace: 'default', fieldSelector })).items.length > 0;
    });
    const { status } = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, waiting);
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Approved']);
    expect(status?.certificate).toBeUndefined();

    const from = proxy.seen.length;
    proxy.setFault(undefined);
    expect((await answered(on, waiting)).status?.certificate).toBeDefined();
    expect(await isReady()).toBe(true);
    // Both halves of the confirmation are read consistently: what a cache of the server holds would confirm nothing.
    const since = proxy.seen
      .slice(from)
      .filter((line) => line.startsWith('GET') && !line.includes('watch=true'));
    const confirming = since.filter((line) => read.test(line) || /\/secrets\?labelSelector=/.test(line));
    expect(confirming.length).toBeGreaterThanOrEqual(2);
    expect(confirming.some((line) => line.includes('/secrets?'))).toBe(true);
    expect(confirming.filter((line) => line.includes('resourceVersion'))).toEqual([]);

    // And wholly cut off: not a byte in either direction.
    proxy.setFault((request) => request.socket.destroy());
    proxy.cut();
    await until('it is not confirmed any more', async () => (await readyz())[1].includes('CA_NOT_CONFIRMED'));
    proxy.setFault(undefined);
    await until('it is ready again', isReady);
  } finally {
    await on.stop();
  }
});
