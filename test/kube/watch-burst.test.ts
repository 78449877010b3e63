import { expect, test } from 'vitest';
import { configMap, until } from './lab.ts';
import { isWatch, setUp } from './reflector-lab.ts';

const events = 2_000;

test('what comes at once is not taken in at once: timers and work go on between', async () => {
  const { run } = await setUp((request, response, forward) => {
    if (!isWatch(request.url)) return forward();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(burst());
  });
  const { reflector, cache, stop } = run();
  let turn = 0;
  let running = setImmediate(count);
  function count(): void {
    turn++;
    running = setImmediate(count);
  }
  const perTurn = new Map<number, number>();
  cache.onChange(() => perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1));
  try {
    await until(() => cache.size === events);
    // Some 256 KiB in a turn, and a part of an event that came before. No less: one who is busy would fall behind.
    const most = Math.max(...perTurn.values());
    expect(most).toBeLessThanOrEqual(256);
    expect(most).toBeGreaterThan(128);
  } finally {
    clearImmediate(running);
    stop.abort();
    await reflector.done;
  }
});

/** As many events of a kilobyte, all in one write. */
function burst(): string {
  const data = { text: 'x'.repeat(1_024) };
  const lines = Array.from({ length: events }, (_, i) => {
    const { metadata, ...rest } = configMap('burst', `map-${i}`, data);
    const object = { ...rest, metadata: { ...metadata, uid: `uid-${i}`, resourceVersion: `${i + 1}` } };
    return JSON.stringify({ type: 'ADDED', object });
  });
  return `${lines.join('\n')}\n`;
}
