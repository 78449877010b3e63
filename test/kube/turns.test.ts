import { setImmediate as turn } from 'node:timers/promises';
import { createTurns } from '#kube/turns.ts';
import { expect, test } from 'vitest';

test('so many go in one turn of the event loop, the rest in those that follow, in their order', async () => {
  const turns = createTurns(2);
  const gone: number[] = [];
  const all = [1, 2, 3, 4, 5].map(async (one) => {
    await turns.next();
    gone.push(one);
  });
  await Promise.resolve();
  expect(gone).toEqual([1, 2]);
  await turn();
  expect(gone).toEqual([1, 2, 3, 4]);
  await Promise.all(all);
  expect(gone).toEqual([1, 2, 3, 4, 5]);
});

test('who comes later does not pass by those that wait', async () => {
  const turns = createTurns(1);
  const gone: string[] = [];
  const go = async (name: string): Promise<void> => {
    await turns.next();
    gone.push(name);
  };
  const first = [go('a'), go('b'), go('c')];
  await turn();
  await Promise.all([...first, go('d')]);
  expect(gone).toEqual(['a', 'b', 'c', 'd']);
});

test('a turn that lets nobody through gives back nothing that it did not take', async () => {
  const turns = createTurns(2);
  await turns.next();
  await turn();
  await turn();
  expect([turns.next(), turns.next()]).toEqual([undefined, undefined]);
  expect(turns.next()).toBeInstanceOf(Promise);
});
