import { describe, expect, test } from 'vitest';
import { MangroveError } from '#errors/error.ts';
import { type Outcome, outcomes, startController } from '#kube/controller.ts';
import { KubeError } from '#kube/error.ts';
import { WorkQueue } from '#kube/work-queue.ts';
import { recordingLog, silent, until } from './lab.ts';

interface Setup {
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<{ requeueAfterMs?: number } | void>;
  readonly concurrency?: number;
  readonly startsPerTurn?: number;
  readonly drainMs?: number;
  readonly timeoutMs?: number;
}

function start(setup: Setup) {
  const delays: number[] = [];
  const queue = new WorkQueue({
    backoff: { baseMs: 1, maxMs: 60_000 },
    random: () => 1,
    observer: { delayed: (ms) => delays.push(ms) },
  });
  const stop = new AbortController();
  const counts = new Map<Outcome, number>();
  const controller = startController({
    name: 'test',
    queue,
    log: silent,
    signal: stop.signal,
    observer: {
      started: (_name, all) => {
        for (const outcome of all) counts.set(outcome, 0);
      },
      reconciled: (_name, outcome) => counts.set(outcome, (counts.get(outcome) ?? Number.NaN) + 1),
    },
    ...setup,
  });
  return { queue, delays, counts, stop, done: controller.done };
}

describe('startController', () => {
  test('each outcome is counted, from zero', async () => {
    const { queue, counts, stop, done, delays } = start({
      reconcile: async (key) => {
        if (key === 'later') return { requeueAfterMs: 5_000 };
        if (key === 'broken') throw new KubeError('KUBE_UNAVAILABLE', 'down', { retryAfterMs: 7_000 });
        if (key === 'wrong') throw new MangroveError('KUBE_CONFIG_INVALID', 'wrong for good');
        return undefined;
      },
    });
    expect([...counts]).toEqual(outcomes.map((outcome) => [outcome, 0]));
    for (const key of ['fine', 'later', 'broken', 'wrong']) queue.add(key);
    await until(() => [...counts.values()].every((count) => count === 1));
    expect(delays).toEqual([5_000, 10_500, 60_000]);
    stop.abort();
    await done;
  });

  test('with many workers no more keys begin in one turn of the event loop than was asked for', async () => {
    const inTurns: number[] = [];
    let begun = 0;
    let counting = true;
    const count = (): void => {
      if (begun > 0) inTurns.push(begun);
      begun = 0;
      if (counting) setImmediate(count);
    };
    const { queue, counts, stop, done } = start({
      concurrency: 10,
      startsPerTurn: 3,
      reconcile: async () => {
        begun++;
      },
    });
    count();
    for (let key = 0; key < 10; key++) queue.add(`key-${key}`);
    await until(() => counts.get('success') === 10);
    counting = false;
    expect(Math.max(...inTurns)).toBe(3);
    stop.abort();
    await done;
  });

  test('a failure comes again until it succeeds, then its backoff begins anew', async () => {
    let runs = 0;
    const { queue, counts, stop, done } = start({
      reconcile: async () => {
        runs++;
        if (runs < 4) throw new Error('not yet');
      },
    });
    queue.add('a');
    await until(() => counts.get('success') === 1);
    expect(counts.get('error')).toBe(3);
    expect(queue.failures('a')).toBe(0);
    stop.abort();
    await done;
  });

  test('works on several keys at once but never twice on one', async () => {
    const running = new Map<string, number>();
    let most = 0;
    let overlapped = false;
    const { queue, counts, stop, done } = start({
      concurrency: 3,
      reconcile: async (key) => {
        running.set(key, (running.get(key) ?? 0) + 1);
        overlapped ||= (running.get(key) ?? 0) > 1;
        most = Math.max(
          most,
          [...running.values()].reduce((a, b) => a + b),
        );
        await new Promise((resolve) => setImmediate(resolve));
        running.set(key, (running.get(key) ?? 0) - 1);
      },
    });
    for (let round = 0; round < 20; round++) {
      for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => queue.depth === 0 && [...running.values()].every((count) => count === 0));
    expect(most).toBe(3);
    expect(overlapped).toBe(false);
    expect(counts.get('error')).toBe(0);
    stop.abort();
    await done;
  });

  test('stopping finishes what runs and what waits', async () => {
    const release = Promise.withResolvers<void>();
    const finished: string[] = [];
    const { queue, stop, done } = start({
      reconcile: async (key) => {
        await release.promise;
        finished.push(key);
      },
    });
    queue.add('a');
    queue.add('b');
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    queue.add('too late');
    release.resolve();
    await done;
    expect(finished).toEqual(['a', 'b']);
  });

  test.each([
    { limit: 'a limit', timeoutMs: 60_000 },
    { limit: 'no limit', timeoutMs: Infinity },
  ])(
    'what does not end within the grace is aborted and what waited is dropped, with $limit of its own',
    async ({ timeoutMs }) => {
      const finished: string[] = [];
      const { queue, stop, done } = start({
        drainMs: 20,
        timeoutMs,
        reconcile: async (key, signal) => {
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          );
          finished.push(key);
        },
      });
      queue.add('a');
      queue.add('b');
      await new Promise((resolve) => setImmediate(resolve));
      stop.abort(new Error('SIGTERM'));
      await done;
      expect(finished).toEqual([]);
      expect(queue.depth).toBe(0);
    },
  );

  test('a call that takes too long is aborted and retried', async () => {
    let aborted = 0;
    const { queue, counts, stop, done } = start({
      timeoutMs: 5,
      reconcile: async (_key, signal) => {
        if (aborted > 0) return;
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      },
    });
    queue.add('a');
    await until(() => counts.get('error') === 1);
    aborted = 1;
    await until(() => counts.get('success') === 1);
    stop.abort();
    await done;
  });

  test('a bug is logged with its stack, a conflict only for those who look closely', async () => {
    const { log, lines } = recordingLog();
    const queue = new WorkQueue();
    const stop = new AbortController();
    const { done } = startController({
      name: 'test',
      queue,
      log,
      signal: stop.signal,
      reconcile: async (key) => {
        if (key === 'bug') throw new TypeError('undefined is not a function');
        throw new KubeError('KUBE_CONFLICT', 'changed since');
      },
    });
    queue.add('bug');
    queue.add('conflict');
    await until(() => lines.length >= 2);
    stop.abort();
    await done;
    expect(lines[0]).toMatchObject({
      level: 40,
      key: 'bug',
      err: { stack: expect.stringContaining('TypeError') },
    });
    expect(lines[1]).toMatchObject({ level: 20, key: 'conflict', code: 'KUBE_CONFLICT' });
  });

  test('what fails for one reason a hundred times is told of as a warning sixteen times', async () => {
    const { log, lines } = recordingLog();
    const queue = new WorkQueue({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
    const stop = new AbortController();
    const reconcile = async (): Promise<void> => {
      throw new KubeError('KUBE_UNAVAILABLE', 'down');
    };
    const { done } = startController({ name: 'test', queue, log, signal: stop.signal, reconcile });
    for (let at = 0; at < 100; at += 1) queue.add(`key-${at}`);
    await until(() => lines.length >= 100);
    stop.abort();
    await done;
    expect(lines.filter(({ level }) => level === 40)).toHaveLength(16);
  });
});
