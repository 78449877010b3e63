import { describe, expect, it } from 'vitest';
import { openOrder } from '#bundles/controller/placement/order.ts';
import { createRecovery } from '#bundles/controller/placement/recovery.ts';
import { newPlacement } from '#bundles/target/placement.ts';
import { MangroveError } from '#errors/error.ts';
import { until } from '../../kube/lab.ts';
import { bundleOf, fakeCluster, ordersOf, placedEntry } from '../support/fake-cluster.ts';
import { fakePlacements } from '../support/fake-placements.ts';

const owner = 'recovery.test';
const code = 'BUNDLE_TARGET_UNAVAILABLE';

/** One order with one placement that fails, and the waves that are to come. */
async function failing() {
  const [order] = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  if (order === undefined) throw new Error('there is no order');
  const open = openOrder(order, 0);
  const placement = newPlacement('a');
  const fail = (): void => {
    const error = new MangroveError(code, 'it fails');
    Object.assign(placement, { error, tried: 'wish', notBefore: 1_000_000 });
  };
  open.placements.set('a', placement);
  const state = { now: 0, sweeps: 0, waits: [] as number[] };
  let wave = (): void => undefined;
  const recovery = createRecovery({
    book: { list: () => [open], sweep: () => void (state.sweeps += 1) },
    clock: { monotonic: () => state.now },
    random: () => 1,
    later: async (ms, task) => {
      state.waits.push(ms);
      wave = task;
    },
  });
  const note = () => recovery.note('configMap', code);
  return { placement, fail, state, note, wave: () => wave() };
}

describe('those that failed alike', () => {
  it('come again together, however many are served in the meantime', async () => {
    const { placement, fail, state, note, wave } = await failing();
    fail();
    for (let round = 0; round < 100; round += 1) note();
    expect(state).toMatchObject({ waits: [250], sweeps: 0 });
    wave();
    expect(state.sweeps).toBe(1);
    expect(placement).toMatchObject({ tried: undefined, notBefore: 0 });
  });

  it('come ever later while they fail each time, and soon again after a time of peace', async () => {
    const { fail, state, note, wave } = await failing();
    for (let round = 0; round < 10; round += 1) {
      fail();
      note();
      wave();
    }
    expect(state.waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    state.now = 60_001;
    note();
    expect(state.waits.at(-1)).toBe(250);
  });

  it('come soon when the last time there was none of them', async () => {
    const { fail, state, note, wave } = await failing();
    fail();
    for (let round = 0; round < 3; round += 1) {
      note();
      wave();
    }
    expect(state).toMatchObject({ waits: [250, 500, 250], sweeps: 1 });
  });
});

it('a few that are refused again and again are not looked at for each of many that are served', async () => {
  const size = 100;
  const cluster = fakeCluster(size);
  const { placements, looks } = fakePlacements(cluster);
  const refused = ['ns0', 'ns1', 'ns2', 'ns3'];
  for (let index = 0; index < size; index += 1) {
    const name = `ns${index}`;
    cluster.fail(`create ${name}`, 'KUBE_TOO_MANY_REQUESTS', refused.includes(name) ? Infinity : 1);
  }
  const orders = ordersOf(placedEntry(owner, 'roots'), await bundleOf(owner));
  const report = () => placements.settle(owner, orders)[0]?.placements;
  await until(() => report()?.failing === size);
  const before = looks();
  await until(() => cluster.maps.size === size - refused.length);
  expect(looks() - before).toBeLessThan(20 * size);
  for (const name of refused) {
    expect(cluster.requests.filter((one) => one === `create ${name}`).length).toBeLessThan(6);
  }
});
