import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { type PlacementTask, place, readBack } from '#bundles/controller/placement/place.ts';
import { desiredObject } from '#bundles/target/placed-object.ts';
import { isHolding, newPlacement } from '#bundles/target/placement.ts';
import { render } from '#bundles/target/rendering.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-size', ['configmap-targets', 'secret-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const limit = 1_048_576;

it.each(['configMap', 'secret'] as const)('a %s takes 1,048,576 bytes, and not one more', async (kind) => {
  const test = `size-${kind.toLowerCase()}`;
  const [namespace = ''] = await placed.namespaces(test, 1);
  const spec = {
    namespaceSelector: {},
    keys: [{ key: 'ca.crt', format: 'pem' as const }],
    adopt: false,
  };
  const taskOf = (bytes: number): PlacementTask => {
    const bundle: Bundle = {
      trustDomain: 'size.test',
      anchors: [fabricatedAnchor('a')],
      pem: 'x'.repeat(bytes),
      sha256: String(bytes),
    };
    // What `render` refuses is what the server would.
    const whole = render({ ...bundle, pem: 'x' }, spec.keys);
    const keys = whole.keys.map((key) => ({ ...key, text: bundle.pem }));
    const desired = desiredObject(
      { kind, name: 'roots', spec },
      { ...whole, bundle, keys },
      { owner: 'size.test', prunes: false },
    );
    const signal = AbortSignal.timeout(30_000);
    return {
      client: scene.client,
      desired,
      placement: newPlacement(namespace),
      growOnly: false,
      isWished: () => true,
      held: true,
      now: () => 1,
      signal,
    };
  };
  const task = taskOf(limit);
  expect(await place(task, 'create')).toMatchObject({ outcome: 'created' });
  await readBack(task);
  expect(isHolding(task.placement, task.desired.digest)).toBe(true);
  // A watch that still shows what was there before is only late; Secrets are not watched.
  const { version = '' } = task.placement;
  const shorter = { ...taskOf(limit - 1), placement: task.placement };
  expect(await place(shorter, 'patch')).toMatchObject({ outcome: 'updated' });
  expect([...(task.placement.superseded ?? [])]).toEqual(kind === 'configMap' ? ['', version] : []);
  await expect(place({ ...taskOf(limit + 1), placement: task.placement }, 'patch')).rejects.toMatchObject({
    code: 'KUBE_INVALID',
  });
});
