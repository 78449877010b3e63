import { expect, test } from 'vitest';
import { MangroveError } from '#errors/error.ts';
import { checkReadiness } from '#ops/readiness.ts';

test('every check that holds makes it ready', async () => {
  const checks = [['a', () => 'seen'] as const, ['b', async () => 'later'] as const];
  expect(await checkReadiness(checks)).toEqual({
    ready: true,
    checks: [
      { name: 'a', ok: true, message: 'seen' },
      { name: 'b', ok: true, message: 'later' },
    ],
  });
});

test('one that fails, at once or later, is named with its reason and hides no other', async () => {
  const fails = (): never => {
    throw new Error('no disk');
  };
  const checks = [
    ['ledger', fails] as const,
    ['later', () => Promise.reject(new MangroveError('KUBE_TIMEOUT', 'no server'))] as const,
    ['fine', () => 'ok'] as const,
  ];
  expect(await checkReadiness(checks)).toEqual({
    ready: false,
    checks: [
      { name: 'ledger', ok: false, message: 'no disk' },
      { name: 'later', ok: false, message: 'no server (KUBE_TIMEOUT)' },
      { name: 'fine', ok: true, message: 'ok' },
    ],
  });
});
