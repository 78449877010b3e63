import type { ServerResponse } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { mostRequests } from '#kube/connection-pools.ts';
import type { ConfigMap } from '#kube/object.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { answer, type Fault, faultProxy, loseAnswer, statusBody } from './fault-proxy.ts';
import {
  adminClient,
  clientOf,
  configMap,
  configMapsResource,
  ownNamespace,
  pathOf,
  recordingLog,
  until,
} from './lab.ts';

const maps = configMapsResource;

/** The fault for the first `times` requests. */
function first(times: number, fault: (response: ServerResponse) => void): Fault {
  let left = times;
  return (_request, response, forward) => {
    left--;
    if (left >= 0) fault(response);
    else forward();
  };
}

describe('KubeClient when the server or the way to it fails', () => {
  let upstream: TestControlPlane;
  beforeAll(async () => {
    upstream = await controlPlane();
  });

  async function setUp(timeoutMs = 30_000) {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const proxy = await faultProxy();
    const delays: number[] = [];
    const unknown: string[] = [];
    const { log, lines } = recordingLog();
    const client = clientOf({
      credentials: proxy.credentials,
      timeoutMs,
      maxRetryAfterMs: 2_000,
      random: () => 1,
      log,
      observer: {
        delayed: (_method, delayMs) => delays.push(delayMs),
        outcomeUnknown: (method) => unknown.push(method),
      },
    });
    return { admin, client, delays, unknown, lines, namespace, proxy };
  }

  async function dataOf(client: KubeClient, namespace: string, name: string) {
    return (await client.get<ConfigMap>(maps, name, { namespace })).data;
  }

  test('speaks HTTP/1.1 where h2 is offered, over connections that are used again', async () => {
    const { client, namespace, proxy } = await setUp();
    for (let n = 0; n < 5; n++) await client.list(maps, { namespace });
    expect(proxy.protocols).toEqual(['http/1.1']);
    expect(proxy.seen).toHaveLength(5);
  });

  test('what is urgent passes by all that wait for a connection', async () => {
    const { client, namespace, proxy } = await setUp();
    const held: (() => void)[] = [];
    proxy.setFault((_request, _response, forward) => void held.push(forward));
    const many = Array.from({ length: mostRequests + 6 }, () => client.list(maps, { namespace }));
    await until(() => held.length >= mostRequests);
    proxy.setFault(undefined);
    const urgent = await client.list(maps, { namespace, urgent: true });
    expect(urgent.items).toBeInstanceOf(Array);
    expect(proxy.seen).toHaveLength(mostRequests + 1);
    for (const forward of held) forward();
    await Promise.all(many);
    expect(proxy.seen).toHaveLength(mostRequests + 7);
  });

  test('a busy server is asked again after the time that it names, reads and writes alike', async () => {
    const { client, delays, namespace, proxy } = await setUp();
    const busy = first(2, (response) =>
      answer(response, 429, statusBody(429, 'TooManyRequests'), { 'retry-after': '1' }),
    );
    proxy.setFault(busy);
    await client.create(maps, configMap(namespace, 'patient', { a: '1' }));
    // Not sooner than it named, longer each time, and not all at the same moment.
    expect(delays).toEqual([1_500, 3_000]);
    expect(proxy.seen).toHaveLength(3);
    expect(await dataOf(client, namespace, 'patient')).toEqual({ a: '1' });
  });

  test('a longer wait than allowed goes to the caller, with its length', async () => {
    const { client, delays, namespace, proxy } = await setUp();
    proxy.setFault(
      first(1, (response) =>
        answer(response, 429, statusBody(429, 'TooManyRequests'), { 'retry-after': '60' }),
      ),
    );
    await expect(client.list(maps, { namespace })).rejects.toMatchObject({
      code: 'KUBE_TOO_MANY_REQUESTS',
      retryAfterMs: 60_000,
    });
    expect(delays).toEqual([]);
  });

  test('a server that stays busy is not asked for ever', async () => {
    const { client, lines, namespace, proxy } = await setUp();
    proxy.setFault((_request, response) =>
      answer(response, 429, statusBody(429, 'TooManyRequests'), { 'retry-after': '0' }),
    );
    const listed = client.list(maps, { namespace });
    await expect(listed).rejects.toMatchObject({ code: 'KUBE_TOO_MANY_REQUESTS' });
    expect(proxy.seen).toHaveLength(4);
    // Said once, not for each try.
    expect(lines.map(({ msg, code }) => [msg, code])).toEqual([
      ['the API server asks us to slow down', 'KUBE_TOO_MANY_REQUESTS'],
    ]);
  });

  test('a read is tried again after a reset and after a 503', async () => {
    const { client, namespace, proxy } = await setUp();
    proxy.setFault(first(1, (response) => response.socket?.destroy()));
    await client.list(maps, { namespace });
    expect(proxy.seen).toHaveLength(2);
    proxy.setFault(first(1, (response) => answer(response, 503, 'upstream connect error')));
    await client.list(maps, { namespace });
    expect(proxy.seen).toHaveLength(4);
  });

  test('a write whose answer was lost is not repeated: the caller is told, and reads', async () => {
    const { admin, client, unknown, lines, namespace, proxy } = await setUp();
    proxy.setFault((request) => void loseAnswer(request, upstream));
    const created = client.create(maps, configMap(namespace, 'lost', { a: '1' }));
    await expect(created).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN', status: undefined });
    expect(proxy.seen).toEqual([`POST ${pathOf(namespace)}?fieldManager=mangrove`]);
    const found = await admin.get<ConfigMap>(maps, 'lost', { namespace });
    const updated = client.update(maps, { ...found, data: { a: '2' } });
    await expect(updated).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
    expect(proxy.seen).toHaveLength(2);
    expect(await dataOf(admin, namespace, 'lost')).toEqual({ a: '2' });
    expect(unknown).toEqual(['POST', 'PUT']);
    expect(lines.map(({ code, method }) => [code, method])).toEqual([
      ['KUBE_OUTCOME_UNKNOWN', 'POST'],
      ['KUBE_OUTCOME_UNKNOWN', 'PUT'],
    ]);
  });

  test('a write that never left is known not to have been made', async () => {
    const { client, namespace, unknown, proxy } = await setUp();
    proxy.renewCertificate();
    const untrusting = clientOf({
      credentials: { ...proxy.credentials, present: () => stranger },
      observer: { outcomeUnknown: (method) => unknown.push(method) },
    });
    const presented = await proxy.credentials.present();
    const stranger = Promise.resolve({
      ...presented,
      tls: { ...presented.tls, ca: Buffer.from(upstream.certificateAuthority) },
    });
    const refused = untrusting.create(maps, configMap(namespace, 'refused'));
    await expect(refused).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    proxy.close();
    const unreachable = client.create(maps, configMap(namespace, 'unreachable'));
    await expect(unreachable).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    expect(unknown).toEqual([]);
  });

  test('a write that no answer came to in time may have been made', async () => {
    const { client, namespace, proxy } = await setUp(300);
    proxy.setFault(() => undefined);
    const created = client.create(maps, configMap(namespace, 'silent'));
    await expect(created).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
  });

  test.for([500, 502, 503, 504])(
    'a write that is answered with %i is not repeated either',
    async (status) => {
      const { client, namespace, proxy } = await setUp();
      proxy.setFault(
        first(1, (response) =>
          answer(response, status, statusBody(status, 'Broken'), { 'retry-after': '1' }),
        ),
      );
      const created = client.create(maps, configMap(namespace, 'once'));
      await expect(created).rejects.toMatchObject({
        code: 'KUBE_OUTCOME_UNKNOWN',
        status,
        retryAfterMs: 1_000,
      });
      expect(proxy.seen).toHaveLength(1);
    },
  );

  test('a server that never answers, and one that stops in the middle, are given up', async () => {
    const { client, namespace, proxy } = await setUp(150);
    proxy.setFault(() => undefined);
    await expect(client.list(maps, { namespace })).rejects.toMatchObject({ code: 'KUBE_TIMEOUT' });
    proxy.setFault((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"metadata":');
    });
    await expect(client.list(maps, { namespace })).rejects.toMatchObject({ code: 'KUBE_TIMEOUT' });
  });

  test('an answer that is cut short is no answer', async () => {
    const { client, namespace, proxy } = await setUp();
    proxy.setFault((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{}', () => response.socket?.destroy());
    });
    const created = client.create(maps, configMap(namespace, 'cut'));
    await expect(created).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
  });

  test('an answer over the limit is refused without being held', async () => {
    const { client, namespace, proxy } = await setUp();
    proxy.setFault((_request, response) =>
      answer(response, 200, JSON.stringify({ data: 'x'.repeat(4_000_000) })),
    );
    const read = client.get(maps, 'huge', { namespace });
    await expect(read).rejects.toMatchObject({ code: 'KUBE_RESPONSE_INVALID' });
  });

  test('an answer that is no JSON is refused and not quoted', async () => {
    const { client, namespace, proxy } = await setUp();
    proxy.setFault((_request, response) => answer(response, 200, '<html>log in, secret-token</html>'));
    const error: Error = await client.get(maps, 'page', { namespace }).then(
      () => new Error('accepted'),
      (error: Error) => error,
    );
    expect(error).toMatchObject({ code: 'KUBE_RESPONSE_INVALID' });
    expect(error.message).not.toContain('secret-token');
  });

  test("a proxy's 404 page is not the absence of an object", async () => {
    const { client, namespace, proxy } = await setUp();
    proxy.setFault((_request, response) => answer(response, 404, '<html>not here</html>'));
    const read = client.get(maps, 'any', { namespace });
    await expect(read).rejects.toMatchObject({ code: 'KUBE_PATH_NOT_FOUND' });
  });

  test('a list that expires between two pages is begun again', async () => {
    const { client, namespace, proxy } = await setUp();
    for (const name of ['a', 'b', 'c']) await client.create(maps, configMap(namespace, name));
    let expired = 0;
    proxy.setFault((request, response, forward) => {
      if (request.url?.includes('continue=') === true && expired === 0) {
        expired++;
        answer(response, 410, statusBody(410, 'Expired'));
      } else forward();
    });
    const { items } = await client.list<ConfigMap>(maps, { namespace, limit: 2 });
    expect(expired).toBe(1);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
  });

  test("the server's time is its Date header, and none when that is missing or no date", async () => {
    const { client, proxy } = await setUp();
    const path = '/version';
    const seconds = Date.UTC(2031, 4, 6, 7, 8, 9) / 1_000;
    proxy.setFault((_request, response) =>
      answer(response, 200, {}, { date: 'Tue, 06 May 2031 07:08:09 GMT' }),
    );
    expect((await client.request({ method: 'GET', path })).serverTime).toBe(seconds);
    expect(client.serverTime()).toBeGreaterThanOrEqual(seconds);
    proxy.setFault((_request, response) => answer(response, 200, {}, { date: 'tomorrow' }));
    expect((await client.request({ method: 'GET', path })).serverTime).toBeUndefined();
    expect(client.serverTime()).toBeGreaterThanOrEqual(seconds);
  });
});
