import { afterAll, beforeAll, expect, it } from 'vitest';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { trustBundle } from '../support/publisher.ts';
import { makeRoot, rootsOfLength } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-isolation', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

it('a small bundle arrives everywhere while one of a megabyte is on its way to more namespaces', async () => {
  const [large, small] = ['a-large.isolation.test', 'b-small.isolation.test'];
  const [many, few] = ['isolation-many', 'isolation-few'];
  await placed.namespaces(many, 64);
  const names = await placed.namespaces(few, 32);
  const written: string[] = [];
  const publisher = placed.start([large, small], {
    observer: { published: (bundle, _target, outcome) => outcome === 'written' && written.push(bundle) },
  });
  publisher.leading = false;
  const root = await makeRoot();
  publisher.setAuthority(large, known(large, ...(await rootsOfLength(1_040_000))));
  publisher.setAuthority(small, known(small, root));
  const targetsOf = (name: string, where: string) => ({ targets: [placed.target(where, { name })] });
  await apply(scene.kubectl, trustBundle(large, [large], targetsOf('large', many)));
  await apply(scene.kubectl, trustBundle(small, [small], targetsOf('small', few)));
  publisher.leading = true;
  publisher.controller.resync();
  await placed.untilTarget(small, { namespaces: 32, holding: 32 }, 'small');
  await placed.untilTarget(large, { namespaces: 64, holding: 64, failing: 0 }, 'large');
  // They take turns: half of the large one is left, but for what was under way.
  expect(written.slice(written.lastIndexOf(small)).length).toBeGreaterThan(8);
  for (const name of names) expect((await placed.configMap(name, 'small')).data).toBeDefined();
}, 120_000);
