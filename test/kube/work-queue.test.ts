import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Timer, WorkQueue } from '#kube/work-queue.ts';
import { queueWorker } from './queue-worker.ts';

/** Time that passes only when told to. */
function virtualTimer(): Timer & { advance(ms: number): void } {
  let now = 0;
  const tasks = new Set<{ due: number; task: () => void }>();
  return {
    now: () => now,
    after(ms, task) {
      const entry = { due: now + ms, task };
      tasks.add(entry);
      return () => tasks.delete(entry);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = Array.from(tasks)
          .filter(({ due }) => due <= end)
          .sort((a, b) => a.due - b.due);
        if (next === undefined) break;
        tasks.delete(next);
        now = next.due;
        next.task();
      }
      now = end;
    },
  };
}

function queueWithTime(random = () => 0.999_999) {
  const timer = virtualTimer();
  const queue = new WorkQueue({
    timer,
    random,
    backoff: { baseMs: 10, maxMs: 1_000 },
  });
  return { queue, timer };
}

describe('WorkQueue', () => {
  test('hands out keys in order of arrival, each once however often it was added', async () => {
    const { queue } = queueWithTime();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.depth).toBe(3);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c']);
    expect(queue.depth).toBe(0);
  });

  test('a key added while it is worked on comes again only after done', async () => {
    const { queue } = queueWithTime();
    queue.add('a');
    expect(await queue.get()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
    expect(await queue.get()).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  test('a worker that waits gets the next key', async () => {
    const { queue } = queueWithTime();
    const waiting = queue.get();
    queue.add('a');
    expect(await waiting).toBe('a');
  });

  test('of two delays for one key the earlier counts', () => {
    const { queue, timer } = queueWithTime();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    timer.advance(99);
    expect(queue.depth).toBe(0);
    timer.advance(1);
    expect(queue.depth).toBe(1);
    timer.advance(1_000);
    expect(queue.depth).toBe(1);
  });

  test('the backoff doubles for each failure of a key up to its maximum, and begins anew after forget', () => {
    const { queue } = queueWithTime(() => 1);
    const delays = Array.from({ length: 9 }, () => queue.addRateLimited('a'));
    expect(delays).toEqual([10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    expect(queue.addRateLimited('b')).toBe(10);
    expect(queue.failures('a')).toBe(9);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(10);
  });

  test('a server that asks for a longer wait gets it', () => {
    const { queue, timer } = queueWithTime(() => 1);
    // And half as much again at most, or all that were told the same would come back at once.
    expect(queue.addRateLimited('a', 700)).toBe(1_050);
    timer.advance(1_049);
    expect(queue.depth).toBe(0);
    timer.advance(1);
    expect(queue.depth).toBe(1);
  });

  test('what only others can mend comes at the slowest pace', () => {
    const { queue } = queueWithTime(() => 1);
    expect(queue.addSlowly('a')).toBe(1_000);
  });

  test('shut down, it takes nothing more, hands out what waited, and is done when all was given back', async () => {
    const { queue, timer } = queueWithTime();
    queue.add('a');
    queue.add('b');
    queue.addAfter('later', 10);
    expect(await queue.get()).toBe('a');
    let drained = false;
    const shutdown = (async () => {
      await queue.shutdown();
      drained = true;
    })();
    queue.add('c');
    timer.advance(100);
    expect(await queue.get()).toBe('b');
    expect(await queue.get()).toBeUndefined();
    queue.done('a');
    await Promise.resolve();
    expect(drained).toBe(false);
    queue.done('b');
    await shutdown;
    expect(drained).toBe(true);
  });

  test('shut down, it wakes the workers that wait', async () => {
    const { queue } = queueWithTime();
    const workers = [queue.get(), queue.get()];
    await queue.shutdown();
    expect(await Promise.all(workers)).toEqual([undefined, undefined]);
  });

  test('whatever happens in whatever order: no key runs twice at once, waits twice, or is lost', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const command = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ do: fc.constant('fail' as const), key }),
      fc.record({ do: fc.constant('get' as const) }),
      fc.record({ do: fc.constant('done' as const), at: fc.nat({ max: 3 }) }),
      fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 80 }), async (commands) => {
        const { queue, timer } = queueWithTime();
        const { running, owed, take, finish, finishAll } = queueWorker(queue);
        for (const step of commands) {
          switch (step.do) {
            case 'add':
              queue.add(step.key);
              owed.add(step.key);
              break;
            case 'addAfter':
              queue.addAfter(step.key, step.ms);
              owed.add(step.key);
              break;
            case 'fail':
              queue.addRateLimited(step.key);
              owed.add(step.key);
              break;
            case 'get':
              if (queue.depth > 0) await take();
              break;
            case 'done':
              finish(step.at);
              break;
            case 'advance':
              timer.advance(step.ms);
              break;
          }
          expect(queue.depth).toBeLessThanOrEqual(4 - running.length);
        }
        finishAll();
        timer.advance(5_000);
        while (queue.depth > 0) await take();
        expect([...owed]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
