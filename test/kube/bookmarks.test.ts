import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Cache } from '#kube/cache.ts';
import type { ConfigMap } from '#kube/object.ts';
import { startReflector } from '#kube/reflector.ts';
import { metrics, sample } from '../ops/scrape.ts';
import {
  adminClient,
  configMap,
  configMapsResource as maps,
  ownNamespace,
  silent,
  testSignal,
  until,
} from './lab.ts';
import { isWatch, setUp } from './reflector-lab.ts';

/** Of each watch that was asked for, in their order. */
function asked(seen: readonly string[], parameter: string): string[] {
  return seen
    .filter(isWatch)
    .map((line) => new URL(line.split(' ')[1] ?? '', 'https://x').searchParams.get(parameter) ?? '');
}

describe('a bookmark', () => {
  test('is where the next watch begins, and no object', async () => {
    let stream: ServerResponse | undefined;
    const { admin, namespace, proxy, put, run } = await setUp((request, response, forward) => {
      if (!isWatch(request.url) || stream !== undefined) return forward();
      stream = response.writeHead(200, { 'content-type': 'application/json' });
      stream.flushHeaders();
    });
    await put('a', 'one');
    const { cache, changes, lists, lines } = run();
    await until(() => stream !== undefined);
    // Elsewhere the server goes on: a version of its own, beyond the list's.
    const elsewhere = await admin.create<ConfigMap>(maps, configMap(await ownNamespace(admin), 'b'));
    const { resourceVersion } = elsewhere.metadata;
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion } };
    stream?.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    const [first] = asked(proxy.seen, 'resourceVersion');
    expect(Number(first)).toBeLessThan(Number(resourceVersion));
    await put('c', 'two');
    // Its stream ends behind the bookmark, so that it was read when the next one is asked for.
    stream?.end();
    await until(() => asked(proxy.seen, 'resourceVersion').length === 2);
    expect(asked(proxy.seen, 'resourceVersion')[1]).toBe(resourceVersion);
    // What came behind the bookmark is told by the real server, what came before was in the list.
    await until(() => changes.length === 2);
    expect(changes).toEqual(['a: - → one', 'c: - → two']);
    expect(cache.list().toSorted()).toEqual(['one', 'two']);
    expect([lists.length, lines.filter(({ level }) => Number(level) > 40)]).toEqual([1, []]);
    expect(namespace).not.toBe(elsewhere.metadata.namespace);
  });
});

test('no two watches are asked to end after the same time, or nearly none', async () => {
  const { proxy, run } = await setUp();
  run();
  for (let count = 1; count <= 6; count += 1) {
    await until(() => asked(proxy.seen, 'timeoutSeconds').length === count);
    proxy.cut();
  }
  // Of 301 values: that six draws give fewer than three comes once in a billion runs.
  expect(new Set(asked(proxy.seen, 'timeoutSeconds')).size).toBeGreaterThanOrEqual(3);
});

test('the lag of a watch on which nothing happens grows, and falls with the next word', async () => {
  const client = await adminClient();
  const namespace = await ownNamespace(client);
  const made = metrics();
  const { synced } = startReflector<ConfigMap, never, ConfigMap>({
    client,
    resource: maps,
    namespace,
    cache: new Cache<ConfigMap>(),
    transform: (raw) => raw,
    log: silent,
    observer: made.kube.reflector('configmaps'),
    signal: testSignal(),
  });
  await synced;
  const lag = () => sample(made, 'mangrove_reflector_lag_seconds{resource="configmaps"}');
  await until(async () => (await sample(made, 'mangrove_reflector_watching{resource="configmaps"}')) === 1);
  const before = (await lag()) ?? Number.NaN;
  await sleep(1_500);
  expect(await lag()).toBeGreaterThan(before + 1);
  await client.create<ConfigMap>(maps, configMap(namespace, 'word'));
  await until(async () => ((await lag()) ?? Number.NaN) < 1);
});
