import { describe, expect, it } from 'vitest';
import { fakeCluster } from '../support/fake-cluster.ts';
import { eventually } from '../support/publisher.ts';
import { removingPlacements, selecting } from '../support/removing-placements.ts';

const wanted = { roots: 'wanted' };

describe('a Secret that was seen not to stand where it is not selected', () => {
  /** It was looked for there, and was written and deselected since without a look in between. */
  async function deselected() {
    const cluster = fakeCluster(1);
    const { look, leave, selected } = await removingPlacements(cluster, selecting('secret'));
    await eventually(async () => {
      look();
      return cluster.requests.includes('get ns0');
    });
    cluster.touch('ns0', wanted);
    await eventually(async () => cluster.maps.size === 1);
    cluster.touch('ns0');
    await eventually(async () => selected() === 0);
    return { cluster, look, leave };
  }

  it('goes when it was written and is not selected again before anybody has looked', async () => {
    const { cluster, look } = await deselected();
    await eventually(async () => {
      look();
      return cluster.maps.size === 0;
    });
  });

  it('goes with its TrustBundle', async () => {
    const { cluster, look, leave } = await deselected();
    leave();
    await eventually(async () => look().length === 0);
    expect(cluster.maps.size).toBe(0);
  });
});
