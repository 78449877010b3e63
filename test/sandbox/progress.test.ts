import { expect, test } from 'vitest';
import { progressTo } from '#sandbox/progress.ts';

/** A clock that is two seconds later at every look. */
function output(isTTY: boolean) {
  let text = '';
  let ms = 0;
  const progress = progressTo({ isTTY, write: (part) => (text += part) }, () => (ms += 2000));
  return { progress, text: () => text };
}

test('elsewhere than on a terminal there is one line for each finished step, without control characters', async () => {
  const { progress, text } = output(false);
  progress.note('about to begin');
  expect(await progress.step('build etcd', async () => 'built')).toBe('built');
  await expect(progress.step('build kubectl', () => Promise.reject(new Error('no disk')))).rejects.toThrow(
    'no disk',
  );
  expect(text()).toBe('about to begin\nbuild etcd: 2.0 s\nbuild kubectl: failed after 2.0 s\n');
});

test('on a terminal the line of a running step is written over', async () => {
  const { progress, text } = output(true);
  await progress.step('build etcd', async () => undefined);
  expect(text()).toBe('\r\u001b[2Kbuild etcd ... 2.0 s\r\u001b[2Kbuild etcd: 4.0 s\n');
});
