import { beforeAll, describe, expect, test } from 'vitest';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { answer, drip, statusBody } from './fault-proxy.ts';
import { configMapsResource as maps, until } from './lab.ts';
import { isWatch, setUp } from './reflector-lab.ts';

describe('startReflector when the server or the way to it fails', () => {
  let upstream: TestControlPlane;
  beforeAll(async () => {
    upstream = await controlPlane();
  });

  test('a list that expires between two pages is begun again', async () => {
    let expired = 0;
    const { put, run } = await setUp((request, response, forward) => {
      if (request.url?.includes('continue=') === true && expired++ === 0)
        answer(response, 410, statusBody(410, 'Expired'));
      else forward();
    }, 2);
    for (const name of ['a', 'b', 'c']) await put(name, name);
    const { reflector, cache, lists, failures, stop } = run();
    await reflector.synced;
    expect(cache.list().sort()).toEqual(['a', 'b', 'c']);
    expect(lists).toEqual([3]);
    expect(failures).toEqual(['KUBE_GONE']);
    stop.abort();
    await reflector.done;
  });

  test('a version that is too old in mid-watch leads to a new list, which tells what was deleted meanwhile', async () => {
    const watches: (() => void)[] = [];
    const { admin, namespace, proxy, put, change, run } = await setUp((request, response, forward) => {
      if (!isWatch(request.url) || watches.length > 0) return forward();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      watches.push(() =>
        response.write(`${JSON.stringify({ type: 'ERROR', object: statusBody(410, 'Expired') })}\n`),
      );
    });
    await put('stays', '1');
    await put('goes', '1');
    await put('changes', '1');
    const { reflector, cache, changes, lists, failures, stop } = run();
    await reflector.synced;
    await until(() => watches.length === 1);
    await admin.delete(maps, 'goes', { namespace });
    await change('changes', '2');
    changes.length = 0;
    watches[0]?.();
    await until(() => lists.length === 2);
    expect(changes.toSorted()).toEqual(['changes: 1 → 2', 'goes: 1 → -']);
    expect(failures).toEqual(['KUBE_GONE']);
    await until(() => proxy.seen.filter(isWatch).length === 2);
    await put('after', '1');
    await until(() => cache.size === 3);
    stop.abort();
    await reflector.done;
  });

  test('a version that aged during an outage is left at once, however many failures came before', async () => {
    let outage = 5;
    let aged = false;
    const { run } = await setUp((request, response, forward) => {
      if (!isWatch(request.url) || aged) forward();
      else if (outage-- > 0) answer(response, 503, 'no healthy upstream');
      else {
        aged = true;
        answer(response, 200, `${JSON.stringify({ type: 'ERROR', object: statusBody(410, 'Expired') })}\n`);
      }
    });
    const { reflector, states, failures, stop } = run();
    await until(() => states.filter((state) => state === 'watching').length === 2);
    expect(states).toEqual(['listing', 'failing', 'watching', 'listing', 'watching']);
    expect(failures.at(-1)).toBe('KUBE_GONE');
    stop.abort();
    await reflector.done;
  });

  test('a server whose every version is too old is not asked in a tight loop', async () => {
    const { run } = await setUp((request, response, forward) => {
      if (!isWatch(request.url)) forward();
      else answer(response, 410, statusBody(410, 'Expired'));
    });
    const { reflector, states, failures, stop } = run();
    await until(() => failures.length === 3);
    expect(states.filter((state) => state === 'failing').length).toBeGreaterThan(0);
    stop.abort();
    await reflector.done;
  });

  test('a half-open stream is given up for its silence, and nothing is lost', async () => {
    let watches = 0;
    const { put, run } = await setUp(
      (request, response, forward) => {
        if (!isWatch(request.url) || watches++ > 0) return forward();
        // The stream stands, but nothing will ever come.
        response.writeHead(200, { 'content-type': 'application/json' });
        response.flushHeaders();
      },
      undefined,
      { livenessMs: 100 },
    );
    const { reflector, cache, failures, lists, stop } = run();
    await until(() => watches === 1);
    await put('missed', 'x');
    await until(() => cache.size === 1);
    expect(failures).toContain('KUBE_TIMEOUT');
    // It never said a word: the version that it was asked for is not trusted any more.
    expect(lists).toHaveLength(2);
    stop.abort();
    await reflector.done;
  });

  test('goes on where it was after each reset, without another list', async () => {
    const { proxy, put, run } = await setUp();
    const { reflector, cache, failures, lists, stop } = run();
    await reflector.synced;
    for (let n = 1; n <= 4; n++) {
      await until(() => proxy.seen.filter(isWatch).length === n);
      await put(`map-${n}`, 'x');
      await until(() => cache.size === n);
      proxy.cut();
    }
    await until(() => proxy.seen.filter(isWatch).length === 5);
    expect(new Set(failures)).toEqual(new Set(['KUBE_UNAVAILABLE']));
    expect(lists).toEqual([0]);
    const from = proxy.seen.filter(isWatch).map((line) => Number(/resourceVersion=(\d+)/.exec(line)?.[1]));
    expect(from).toEqual(from.toSorted((a, b) => a - b));
    expect(new Set(from).size).toBe(5);
    stop.abort();
    await reflector.done;
  });

  test.for([401, 403, 429, 500, 503])('survives %i on list and watch', async (code) => {
    const broken = { list: 2, watch: 2 };
    const { put, run } = await setUp((request, response, forward) => {
      const kind = isWatch(request.url) ? 'watch' : 'list';
      if (broken[kind]-- > 0) answer(response, code, statusBody(code, 'Broken'), { 'retry-after': '0' });
      else forward();
    });
    const { reflector, cache, stop } = run();
    await reflector.synced;
    await put('a', 'x');
    await until(() => cache.size === 1);
    expect(broken.watch).toBeLessThan(0);
    stop.abort();
    await reflector.done;
  });

  test('a watch that ends at once, again and again, is a failure and not a tight loop', async () => {
    const { run } = await setUp((request, response, forward) => {
      if (isWatch(request.url)) answer(response, 200, '');
      else forward();
    });
    const { reflector, failures, states, stop } = run();
    await until(() => failures.length === 3);
    expect(new Set(failures)).toEqual(new Set(['KUBE_UNAVAILABLE']));
    expect(states).toContain('failing');
    stop.abort();
    await reflector.done;
  });

  test('damage in the stream leads to a new list', async () => {
    let watches = 0;
    const { put, run } = await setUp((request, response, forward) => {
      if (!isWatch(request.url) || watches++ > 0) return forward();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"type":"ADDED","object":\n');
    });
    await put('a', 'x');
    const { reflector, lists, failures, stop } = run();
    await until(() => lists.length === 2);
    expect(failures).toEqual(['KUBE_RESPONSE_INVALID']);
    stop.abort();
    await reflector.done;
  });

  test('events are whole wherever the network cuts them, also inside a character', async () => {
    const { namespace, put, run } = await setUp((request, response) => drip(upstream, request, response));
    const { reflector, cache, stop } = run();
    await reflector.synced;
    await put('accents', 'Mangrove — 紅樹林 🌿');
    await until(() => cache.size === 1);
    expect(cache.get(namespace, 'accents')).toBe('Mangrove — 紅樹林 🌿');
    stop.abort();
    await reflector.done;
  });

  test('a resource that is switched off leaves what is cached alone', async () => {
    let off = false;
    const { proxy, put, run } = await setUp((_request, response, forward) => {
      if (off) answer(response, 404, '404 page not found\n');
      else forward();
    });
    await put('a', '1');
    const { reflector, cache, states, stop } = run();
    await reflector.synced;
    await until(() => proxy.seen.some(isWatch));
    off = true;
    proxy.cut();
    await until(() => states.at(-1) === 'gone');
    expect(cache.list()).toEqual(['1']);
    off = false;
    await until(() => states.at(-1) === 'watching');
    stop.abort();
    await reflector.done;
  });
});
