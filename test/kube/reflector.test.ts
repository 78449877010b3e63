import { beforeAll, describe, expect, test } from 'vitest';
import { Cache } from '#kube/cache.ts';
import type { ConfigMap } from '#kube/object.ts';
import { startReflector } from '#kube/reflector.ts';
import { customResourceDefinitions } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import {
  adminClient,
  configMap,
  configMapsResource as maps,
  ownNamespace,
  recordingLog,
  until,
} from './lab.ts';
import { isWatch, setUp, start } from './reflector-lab.ts';
import { treeKind } from './tree-kind.ts';

describe('startReflector', () => {
  beforeAll(async () => {
    await controlPlane();
  });

  test('lists, then follows what appears, changes and disappears', async () => {
    const { admin, namespace, put, change, run } = await setUp();
    await put('a', 'one');
    const { reflector, cache, changes, states, stop } = run();
    expect(reflector.hasSynced()).toBe(false);
    await reflector.synced;
    expect(cache.get(namespace, 'a')).toBe('one');
    await put('b', 'two');
    await change('a', 'three');
    await admin.delete(maps, 'b', { namespace });
    await until(() => changes.length === 4);
    expect(changes).toEqual(['a: - → one', 'b: - → two', 'a: one → three', 'b: two → -']);
    expect(cache.index('text', 'three')).toEqual(['three']);
    expect(states).toEqual(['listing', 'watching']);
    expect(reflector.lastContact()).toBeGreaterThan(0);
    stop.abort();
    await reflector.done;
  });

  test('asks for bookmarks and a random timeout between five and ten minutes', async () => {
    const { proxy, run } = await setUp();
    const { reflector, stop } = run();
    await until(() => proxy.seen.some(isWatch));
    const query = new URL(proxy.seen.find(isWatch)?.split(' ')[1] ?? '', 'https://x').searchParams;
    expect(query.get('allowWatchBookmarks')).toBe('true');
    expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(Number(query.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
    expect(query.get('resourceVersion')).toMatch(/^\d+$/);
    stop.abort();
    await reflector.done;
  });

  test('a long list comes page by page', async () => {
    const { proxy, put, run } = await setUp(undefined, 2);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(name, name);
    const { reflector, cache, stop } = run();
    await reflector.synced;
    expect(cache.list().sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(proxy.seen.filter((line) => line.includes('limit=2') && !isWatch(line))).toHaveLength(3);
    stop.abort();
    await reflector.done;
  });

  test('a watch that the server ends in good order goes on from there without a list', async () => {
    const { proxy, put, run } = await setUp(undefined, undefined, { watchMs: 500 });
    const { reflector, cache, lists, failures, stop } = run();
    await reflector.synced;
    await until(() => proxy.seen.filter(isWatch).length >= 2);
    await put('a', 'x');
    await until(() => cache.size === 1);
    expect(lists).toEqual([0]);
    // An idle connection may be closed by the server in the moment in which it is used again.
    expect(failures.filter((code) => code !== 'KUBE_UNAVAILABLE')).toEqual([]);
    stop.abort();
    await reflector.done;
  });

  test('lists again from time to time, in case that an event was lost', async () => {
    const { run } = await setUp(undefined, undefined, { watchMs: 500, relistMs: 1 });
    const { reflector, lists, stop } = run();
    await until(() => lists.length >= 2);
    stop.abort();
    await reflector.done;
  });

  test('an object that cannot be decoded is counted, logged once, and stalls no other', async () => {
    const { namespace, put, change, run } = await setUp();
    await put('bad', 'poison');
    await put('good', '1');
    const { reflector, cache, rejected, lines, stop } = run();
    await reflector.synced;
    expect(cache.list()).toEqual(['1']);
    await change('good', 'poison');
    await change('good', 'poison again');
    await put('next', '2');
    await until(() => cache.get(namespace, 'next') === '2');
    // Its last good value stays.
    expect(cache.get(namespace, 'good')).toBe('1');
    await change('bad', 'mended');
    await until(() => cache.get(namespace, 'bad') === 'mended');
    expect(rejected).toEqual(['bad', 'good', 'good'].map((name) => `${namespace}/${name}`));
    expect(lines.filter(({ error }) => error === 'poison')).toHaveLength(2);
    stop.abort();
    await reflector.done;
  });

  test('what the transform keeps out is not held, and goes when it turns private', async () => {
    const { namespace, put, change, run } = await setUp();
    await put('hidden', 'private');
    await put('seen', '1');
    const { reflector, cache, rejected, stop } = run();
    await reflector.synced;
    expect(cache.list()).toEqual(['1']);
    await change('seen', 'private');
    await until(() => cache.get(namespace, 'seen') === undefined);
    expect(rejected).toEqual([]);
    stop.abort();
    await reflector.done;
  });

  test('a listener that throws never reaches the stream', async () => {
    const { put, run } = await setUp();
    const { reflector, cache, failures, rejected, stop } = run();
    cache.onChange(() => {
      throw new Error('a bug in a handler');
    });
    await reflector.synced;
    await put('a', '1');
    await put('b', '2');
    await until(() => cache.size === 2);
    expect(rejected).toHaveLength(2);
    expect(failures).toEqual([]);
    stop.abort();
    await reflector.done;
  });

  test('a resource that is not served is gone, not failing; it is followed once it is served', async () => {
    const admin = await adminClient();
    const { resource, definition } = treeKind();
    const { reflector, cache, states, lists, stop } = start(admin, undefined, { resource });
    await until(() => states.includes('gone'));
    expect(states).not.toContain('failing');
    await admin.create(customResourceDefinitions, definition);
    await until(() => lists.length === 1);
    await admin.create<ConfigMap>(resource, { metadata: { name: 'oak' }, data: { text: 'leaf' } });
    await until(() => cache.get(undefined, 'oak') === 'leaf');
    stop.abort();
    await reflector.done;
  });

  test('stopped before the first list, synced rejects', async () => {
    const { run } = await setUp(() => undefined);
    const { reflector, stop } = run();
    const reason = new Error('stopped');
    stop.abort(reason);
    await expect(reflector.synced).rejects.toBe(reason);
    await reflector.done;
  });

  test('metadata only', async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const cache = new Cache<string>();
    const stop = new AbortController();
    const { log } = recordingLog();
    await admin.create(maps, configMap(namespace, 'listed', { text: 'heavy' }));
    const { synced, done } = startReflector({
      client: admin,
      resource: maps,
      namespace,
      metadataOnly: true,
      cache,
      transform: (object) => Object.keys(object).sort().join(' '),
      log,
      signal: stop.signal,
    });
    await synced;
    await admin.create(maps, configMap(namespace, 'watched', { text: 'heavy' }));
    await until(() => cache.size === 2);
    expect(new Set(cache.list())).toEqual(new Set(['apiVersion kind metadata']));
    stop.abort();
    await done;
  });
});
