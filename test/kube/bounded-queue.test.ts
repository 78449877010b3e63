import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WorkQueue } from '#kube/work-queue.ts';
import { recordingLog, until } from './lab.ts';
import { queueWorker } from './queue-worker.ts';

/** A queue of at most `limit` keys over a world of keys that stand for a state. */
function boundedQueue(limit: number, world: ReadonlySet<string>) {
  const { log, lines } = recordingLog();
  let dropped = 0;
  const queue = new WorkQueue({
    limit,
    relist: () => world,
    log,
    random: () => 0,
    backoff: { baseMs: 1, maxMs: 40 },
    observer: {
      dropped: () => {
        dropped++;
      },
    },
  });
  return { queue, lines, dropped: () => dropped };
}

describe('WorkQueue with a limit', () => {
  test('100,000 keys under a blocked worker do not grow without limit, and each comes in the end', async () => {
    const world = new Set(Array.from({ length: 100_000 }, (_, n) => `key-${n}`));
    const { queue, lines, dropped } = boundedQueue(1_000, world);
    let deepest = 0;
    queue.add('blocked');
    const blocked = await queue.get();
    for (const key of world) queue.add(key);
    expect(queue.depth).toBe(1_000);
    expect(dropped()).toBe(99_000);

    const handled = new Map<string, number>();
    if (blocked !== undefined) queue.done(blocked);
    while (queue.depth > 0) {
      deepest = Math.max(deepest, queue.depth);
      const key = await queue.get();
      if (key === undefined) break;
      handled.set(key, (handled.get(key) ?? 0) + 1);
      queue.done(key);
    }
    expect(handled.size).toBe(100_000);
    expect(deepest).toBe(1_000);
    // One pass over all of them was enough: those that did fit came twice, no other.
    expect(Math.max(...handled.values())).toBe(2);
    expect([...handled.values()].filter((times) => times === 2)).toHaveLength(1_000);
    // One line when it begins and one when it ends, not one for each key.
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the work queue is full: what does not fit comes again later',
      'what did not fit into the work queue has come again',
    ]);
  });

  test('what is dropped behind a pass that is under way takes another one', async () => {
    const world = new Set(['a', 'b', 'c', 'd', 'e', 'f']);
    const { queue } = boundedQueue(2, world);
    for (const key of world) queue.add(key);
    const take = async () => {
      const key = await queue.get();
      if (key === undefined) throw new Error('shut down');
      return key;
    };
    const done = async () => queue.done(await take());
    for (let n = 0; n < 3; n++) await done();
    // The pass has come by `a`, which changes now and finds no room.
    queue.add('x');
    queue.add('a');
    expect(queue.depth).toBe(2);
    const order: string[] = [];
    while (queue.depth > 0) {
      const key = await take();
      order.push(key);
      queue.done(key);
    }
    expect(order).toContain('a');
  });

  test('keys that fail are bounded too, and come again after the longest backoff', async () => {
    const world = new Set(Array.from({ length: 50 }, (_, n) => `key-${n}`));
    const { queue, lines, dropped } = boundedQueue(10, world);
    for (const key of world) queue.addRateLimited(key);
    expect(dropped()).toBe(40);
    expect(lines.map(({ msg }) => msg)).toEqual(['too many keys wait for their time: the rest comes later']);
    // What is not held is not counted either, or it would be held after all.
    expect(Array.from(world, (key) => queue.failures(key)).filter((failures) => failures > 0)).toHaveLength(
      10,
    );
    const seen = new Set<string>();
    await until(async () => {
      while (queue.depth > 0) {
        const key = await queue.get();
        if (key === undefined) break;
        seen.add(key);
        queue.done(key);
      }
      return seen.size === 50;
    });
  });

  test('without a list of what there is nothing may be dropped', () => {
    const queue = new WorkQueue({ limit: 10 });
    for (let n = 0; n < 100; n++) queue.add(`key-${n}`);
    expect(queue.depth).toBe(100);
  });

  test('shut down, it owes nothing any more', async () => {
    const world = new Set(['a', 'b', 'c', 'd']);
    const { queue } = boundedQueue(2, world);
    for (const key of world) queue.add(key);
    const done = queue.shutdown({ discard: true });
    expect(await queue.get()).toBeUndefined();
    await done;
  });

  test('whatever happens in whatever order, a key that was added is handed out again', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const command = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('get' as const) }),
      fc.record({ do: fc.constant('done' as const), at: fc.nat({ max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, limit) => {
          const { queue } = boundedQueue(limit, new Set(['a', 'b', 'c', 'd', 'e', 'f']));
          const { running, owed, take, finish, finishAll } = queueWorker(queue);
          for (const step of all) {
            if (step.do === 'add') {
              queue.add(step.key);
              owed.add(step.key);
            } else if (step.do === 'done') {
              finish(step.at);
            } else if (queue.depth > 0) await take();
            expect(queue.depth).toBeLessThanOrEqual(limit);
          }
          while (running.length > 0 || queue.depth > 0) {
            finishAll();
            if (queue.depth > 0) await take();
          }
          expect([...owed]).toEqual([]);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
