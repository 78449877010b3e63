import { describe, expect, it } from 'vitest';
import { createRemovals } from '#bundles/controller/placement/removals.ts';
import type { PlacementWatches, SeenObject } from '#bundles/controller/placement/watches.ts';
import { MangroveError } from '#errors/error.ts';
import { adminClient } from '../../kube/lab.ts';

const seen = (namespace: string): SeenObject => ({
  namespace,
  name: 'roots',
  version: '1',
  owner: 'east.test',
});

async function removals(watched: {
  readonly hindrance?: MangroveError;
  readonly objects: readonly SeenObject[];
}) {
  const work: string[] = [];
  const watches: PlacementWatches = {
    start: () => undefined,
    namespaces: () => [{ name: 'a', labels: {} }],
    namespace: () => undefined,
    observed: () => 'absent',
    ownedBy: () => watched.objects,
    isFresh: () => true,
    hindrance: () => watched.hindrance,
    trouble: () => watched.hindrance,
    done: async () => undefined,
  };
  const made = createRemovals({
    client: await adminClient(),
    watches,
    random: () => 0,
    onWork: (key) => void work.push(key),
    onProgress: () => undefined,
  });
  return { made, work };
}

describe('what a TrustBundle wants to be gone', () => {
  it('is what is marked as its own and is not kept, once', async () => {
    const { made, work } = await removals({ objects: [seen('a'), seen('b')] });
    const wish = {
      owner: 'east.test',
      isKept: ({ namespace }: { namespace: string }) => namespace === 'a',
      secrets: [],
    };
    expect([...made.take(wish)]).toEqual([['configMap/roots', { places: 1, error: undefined }]]);
    made.take(wish);
    expect(work).toEqual(['east.test configMap/roots b']);
  });

  it('is nothing while the namespaces are not known, for nothing would seem to be kept', async () => {
    const hindrance = new MangroveError('BUNDLE_TARGET_PENDING', 'namespaces are not listed yet');
    const { made, work } = await removals({ objects: [seen('a')], hindrance });
    expect(made.take({ owner: 'east.test', isKept: () => false, secrets: ['roots'] }).size).toBe(0);
    expect(work).toEqual([]);
  });

  it('is looked for by name where nobody watches', async () => {
    const { made, work } = await removals({ objects: [] });
    made.take({ owner: 'east.test', isKept: () => false, secrets: ['roots'] });
    expect(work).toEqual(['east.test secret/roots a']);
  });
});
