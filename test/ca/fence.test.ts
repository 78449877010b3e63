import { expect, test } from 'vitest';
import { createFence } from '#ca/issuance/controller/fence.ts';
import { errorCode, errorRow } from '#errors/error.ts';

const boundMs = 600_000;

/** Both clocks stand still until they are moved. */
function world() {
  const at = { wall: 1_795_305_600_000, monotonic: 5_000, skew: 0 as number | undefined };
  const fence = createFence({ wall: () => at.wall, monotonic: () => at.monotonic }, () => at.skew);
  const confirmation = { sent: fence.mark(), boundMs };
  return { at, fence, confirmation };
}

function refusal(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    expect(errorRow(error)).toMatchObject({ fault: 'service', retryable: true });
    return errorCode(error);
  }
}

test.each<[string, (at: ReturnType<typeof world>['at']) => void, string | undefined]>([
  ['at once', () => undefined, undefined],
  ['at the bound', (at) => void (at.monotonic += boundMs), undefined],
  ['beyond it by the monotonic clock', (at) => void (at.monotonic += boundMs + 1), 'CA_NOT_CONFIRMED'],
  [
    'beyond it by the wall clock: the machine slept',
    (at) => void (at.wall += boundMs + 1),
    'CA_NOT_CONFIRMED',
  ],
  [
    'beyond it, and the wall clock was set back',
    (at) => {
      at.monotonic += boundMs + 1;
      at.wall -= 100_000;
    },
    'CA_NOT_CONFIRMED',
  ],
  ['two minutes ahead', (at) => void (at.skew = 120), undefined],
  ['more than that ahead', (at) => void (at.skew = 121), 'CA_CLOCK_SKEWED'],
  ['more than that behind', (at) => void (at.skew = -121), 'CA_CLOCK_SKEWED'],
  ['before the API server told its time', (at) => void (at.skew = undefined), 'CA_CLOCK_SKEWED'],
])('%s', (_, move, code) => {
  const { at, fence, confirmation } = world();
  move(at);
  expect(refusal(() => fence.require(confirmation))).toBe(code);
  expect(fence.allows(confirmation)).toBe(code === undefined);
});
