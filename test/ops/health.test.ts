import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import {
  type HealthServer,
  type HealthServerOptions,
  type Readiness,
  startHealthServer,
} from '#ops/health.ts';
import { createMetrics } from '#ops/metrics.ts';

const ready: Readiness = { ready: true, checks: [{ name: 'ledger', ok: true, message: 'writable' }] };
const metrics = createMetrics({ version: '1.2.3' });
const cleanups: (() => unknown)[] = [];
afterAll(() => metrics.close());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer & { url: string }> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    ready: () => Promise.resolve(ready),
    metrics,
    log: pino({ level: 'silent' }),
    ...options,
  });
  cleanups.push(() => server.close());
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

async function socketTo(server: HealthServer): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function get(url: string): Promise<{ status: number; body: string }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

describe('/livez', () => {
  test('answers while readiness hangs and while it throws', async () => {
    const hanging = await start({ ready: () => new Promise(() => undefined), readyTimeoutMs: 60_000 });
    const question = fetch(`${hanging.url}/readyz`).catch(() => undefined);
    expect(await get(`${hanging.url}/livez`)).toEqual({ status: 200, body: 'ok\n' });
    await hanging.close();
    await question;
    const throwing = await start({ ready: () => Promise.reject(new Error('boom')) });
    expect((await get(`${throwing.url}/livez`)).status).toBe(200);
  });

  test('never asks for readiness', async () => {
    let asked = 0;
    const server = await start({
      ready: () => {
        asked += 1;
        return Promise.resolve(ready);
      },
    });
    await get(`${server.url}/livez`);
    expect(asked).toBe(0);
  });
});

describe('/readyz', () => {
  test('is 200 with each check', async () => {
    const server = await start();
    const response = await fetch(`${server.url}/readyz?verbose`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual(ready);
  });

  test('is 503 with the reason when a check fails', async () => {
    const checks = [{ name: 'ledger', ok: false, message: 'disk is full' }];
    const server = await start({ ready: () => Promise.resolve({ ready: false, checks }) });
    const { status, body } = await get(`${server.url}/readyz`);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({ ready: false, checks });
  });

  test('is 503 when the question fails, by the code and not by what the error says', async () => {
    const error = new MangroveError('CONFIG_INVALID', 'swordfish');
    const server = await start({ ready: () => Promise.reject(error) });
    const { status, body } = await get(`${server.url}/readyz`);
    expect(status).toBe(503);
    expect(body).toContain('CONFIG_INVALID');
    expect(body).not.toContain('swordfish');
  });

  test('is 503 when there is no answer in time', async () => {
    const server = await start({ ready: () => new Promise(() => undefined), readyTimeoutMs: 10 });
    const { status, body } = await get(`${server.url}/readyz`);
    expect(status).toBe(503);
    expect(body).toContain('no answer within 10 ms');
  });

  test('is 503 from the drain on, while liveness and metrics go on', async () => {
    const server = await start();
    server.drain();
    const { status, body } = await get(`${server.url}/readyz`);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      ready: false,
      checks: [...ready.checks, { name: 'drain', ok: false, message: 'this replica is shutting down' }],
    });
    expect((await get(`${server.url}/livez`)).status).toBe(200);
    expect((await get(`${server.url}/metrics`)).status).toBe(200);
  });
});

test('/metrics is what the registry says', async () => {
  const server = await start();
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('version=0.0.4');
  expect(await response.text()).toContain('mangrove_build_info{version="1.2.3"');
});

test('a scrape that fails is a 500 and nothing more', async () => {
  const server = await start({ metrics: { scrape: () => Promise.reject(new Error('swordfish')) } });
  expect(await get(`${server.url}/metrics`)).toEqual({ status: 500, body: 'internal error\n' });
  expect((await get(`${server.url}/livez`)).status).toBe(200);
});

describe('a client that is wrong', () => {
  test.each(['/', '/livez/', '/LIVEZ', '/readyz/../livez%00', '//livez'])('%s is 404', async (path) => {
    const server = await start();
    const socket = await socketTo(server);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 /);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is 405 with what is allowed', async (method) => {
    const server = await start();
    const response = await fetch(`${server.url}/livez`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  test('HEAD has the status and no body', async () => {
    const server = await start();
    const response = await fetch(`${server.url}/readyz`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc'],
    ['a header of 9 KiB', `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_216)}\r\n\r\n`],
    ['two lengths', 'GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
  ])('%s is answered with 400 and the connection ends', async (_name, bytes) => {
    const server = await start();
    const socket = await socketTo(server);
    socket.write(bytes, 'latin1');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await get(`${server.url}/livez`)).status).toBe(200);
  });

  test('a body that never comes is not waited for', async () => {
    const server = await start();
    const socket = await socketTo(server);
    socket.write('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\nx');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nok\n$/s);
  });

  test('a half header is cut, and others are served meanwhile', { timeout: 30_000 }, async () => {
    const server = await start();
    const slow = await socketTo(server);
    slow.write('GET /livez HTTP/1.1\r\nHost:');
    expect((await get(`${server.url}/livez`)).status).toBe(200);
    expect(await text(slow)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a disconnect in the middle of an answer hurts nobody', async () => {
    const { promise: never, resolve } = Promise.withResolvers<Readiness>();
    const server = await start({ ready: () => never });
    const socket = await socketTo(server);
    socket.write('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n');
    await get(`${server.url}/livez`);
    socket.destroy();
    resolve(ready);
    expect((await get(`${server.url}/livez`)).status).toBe(200);
  });
});

test('an address in use is said by name', async () => {
  const server = await start();
  const error = await start({ port: server.port }).catch((caught: unknown) => caught);
  expect(errorCode(error)).toBe('HTTP_LISTEN');
  expect(errorMessage(error)).toContain(`cannot listen on 127.0.0.1, port ${server.port}: `);
});

test('without an address it listens on every one', async () => {
  const server = await start({ host: undefined });
  expect((await get(`http://127.0.0.1:${server.port}/livez`)).status).toBe(200);
});

test('closing cuts an open connection and frees the port', async () => {
  const server = await start();
  const socket = await socketTo(server);
  socket.write('GET /livez HTTP/1.1\r\nHost:');
  // A reset or an end: `once` would reject on the former.
  const ended = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve));
  await server.close();
  await ended;
  const again = await start({ port: server.port });
  expect((await get(`${again.url}/livez`)).status).toBe(200);
});
