import { describe, expect, it } from 'vitest';
import { createRemovals } from '#bundles/controller/placement/removals.ts';
import type { PlacementWatches, SeenNamespace, SeenObject } from '#bundles/controller/placement/watches.ts';
import type { NamedTarget, PlacementKind } from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import { adminClient } from '../../kube/lab.ts';

const owner = 'east.test';
/** It may have written all that is to go. */
const ours = { owner, isWritten: () => true };
const seen = (namespace: string, name = 'roots', version = '1'): SeenObject => ({
  namespace,
  name,
  version,
  owner,
});
const space = (name: string, wanted = false): SeenNamespace => ({
  name,
  labels: wanted ? { roots: 'wanted' } : {},
});
/** Selects namespaces with the label `roots=wanted`. */
const target = (kind: PlacementKind, name = 'roots'): NamedTarget => ({
  kind,
  name,
  required: true,
  spec: { namespaceSelector: { matchLabels: { roots: 'wanted' } }, keys: [], adopt: false },
});

/** What the watches show; a test may change it. */
interface Watched {
  hindrance?: MangroveError;
  objects: readonly SeenObject[];
  spaces: readonly SeenNamespace[];
}

/** @param targetsOf by default the bundle has no target any more */
function removals(
  watched: Watched,
  client: KubeClient,
  targetsOf: () => readonly NamedTarget[] | undefined = () => [],
) {
  const work: string[] = [];
  const watches: PlacementWatches = {
    start: () => undefined,
    namespaces: () => watched.spaces,
    namespace: (name) => watched.spaces.find((one) => one.name === name),
    observed: () => 'absent',
    ownedBy: () => watched.objects,
    hindrance: () => watched.hindrance,
    doubt: () => watched.hindrance,
    trouble: () => watched.hindrance,
    done: async () => undefined,
  };
  const made = createRemovals({
    client,
    watches,
    targetsOf,
    random: () => 0,
    onWork: (key) => void work.push(key),
    onProgress: () => undefined,
  });
  return { made, work };
}

/** Every object is ours, and what is deleted is noted. @param refuses to delete any */
async function recording(refuses = false) {
  const deleted: string[] = [];
  let answer = async (): Promise<void> => undefined;
  const client: KubeClient = Object.assign(Object.create(await adminClient()), {
    async request({ path, sealed }: { path: string; sealed?: boolean }) {
      await answer();
      const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/[^/]+\/(.+)$/.exec(path) ?? [];
      const labels = { 'app.kubernetes.io/managed-by': 'mangrove' };
      const annotations = { 'mangrove.dev/trust-bundle': owner };
      const object = { metadata: { name, namespace, labels, annotations } };
      return { body: sealed === true ? Buffer.from(JSON.stringify(object)) : object };
    },
    async delete(_resource: unknown, name: string, { namespace }: { namespace: string }) {
      if (refuses) await refused();
      deleted.push(`${namespace}/${name}`);
    },
  });
  return { client, deleted, onGet: (next: () => Promise<void>) => void (answer = next) };
}

const { signal } = new AbortController();
const left = [{ kind: 'configMap', name: 'roots' }] as const;
const absent = async () => {
  throw new KubeError('KUBE_NOT_FOUND', 'it is gone');
};
const refused = async () => {
  throw new KubeError('KUBE_FORBIDDEN', 'not for you');
};

describe('what a TrustBundle wants to be gone', () => {
  it('is what is marked as its own where no target selects the namespace, once', async () => {
    const watched = { objects: [seen('a'), seen('b')], spaces: [space('a', true), space('b')] };
    const { made, work } = removals(watched, await adminClient());
    const wish = { ...ours, targets: [target('configMap')], left: [] };
    expect([...made.take(wish)]).toEqual([['configMap/roots', [{ namespace: 'b', error: undefined }]]]);
    made.take(wish);
    expect(work).toEqual(['east.test configMap/roots b']);
  });

  it('is nothing of a target that stays where the namespace is not known', async () => {
    const { made } = removals({ objects: [seen('new')], spaces: [space('a')] }, await adminClient());
    expect(made.take({ ...ours, targets: [target('configMap')], left: [] }).size).toBe(0);
    expect(made.take({ ...ours, targets: [], left }).size).toBe(1);
  });

  it('is nothing that neither the specification nor the status names, whatever its marks say', async () => {
    const watched = { objects: [seen('a', 'theirs'), seen('a')], spaces: [space('a')] };
    const { made, work } = removals(watched, await adminClient());
    made.take({ ...ours, targets: [target('configMap', 'other')], left });
    expect(work).toEqual(['east.test configMap/roots a']);
  });

  it('is nothing while the namespaces are not known, for nothing would seem to be kept', async () => {
    const hindrance = new MangroveError('BUNDLE_TARGET_PENDING', 'namespaces are not listed yet');
    const watched = { objects: [seen('a')], spaces: [space('a')], hindrance };
    const { made, work } = removals(watched, await adminClient());
    const secret = { kind: 'secret', name: 'roots' } as const;
    expect(made.take({ ...ours, targets: [], left: [...left, secret] }).size).toBe(0);
    expect(work).toEqual([]);
  });

  it('is looked for by name where nobody watches', async () => {
    const { made, work } = removals(
      { objects: [], spaces: [space('a', true), space('b')] },
      await adminClient(),
    );
    made.take({ ...ours, targets: [target('secret')], left: [] });
    expect(work).toEqual(['east.test secret/roots b']);
  });
});

describe('just before an object goes', () => {
  const key = 'east.test configMap/roots a';

  it('it is taken away when that still is what the TrustBundle wants', async () => {
    const { client, deleted } = await recording();
    const { made } = removals({ objects: [seen('a')], spaces: [space('a')] }, client);
    made.take({ ...ours, targets: [], left });
    await made.run(key, signal);
    expect(deleted).toEqual(['a/roots']);
  });

  it('it stays when the target was added again, when a label selects the namespace, or when the policy is another', async () => {
    const { client, deleted, onGet } = await recording();
    const watched: Watched = { objects: [seen('a')], spaces: [space('a', true)] };
    let now: readonly NamedTarget[] | undefined = [];
    const { made } = removals(watched, client, () => now);
    for (const later of [[target('configMap')], undefined]) {
      now = [];
      made.take({ ...ours, targets: [], left });
      onGet(async () => void (now = later));
      await made.run(key, signal);
    }
    now = [target('configMap')];
    watched.spaces = [space('a')];
    made.take({ ...ours, targets: now, left: [] });
    onGet(async () => void (watched.spaces = [space('a', true)]));
    await made.run(key, signal);
    expect(deleted).toEqual([]);
    // It is no memory of something that is gone.
    expect(made.take({ ...ours, targets: [], left }).size).toBe(1);
  });
});

describe('what is refused', () => {
  const secret = [{ kind: 'secret', name: 'roots' } as const];
  const wish = { owner, targets: [], left: secret };
  const key = 'east.test secret/roots a';
  const watched = { objects: [], spaces: [space('a')] };

  it('is waited for when something of its kind may have been written, and not when it may not even be read', async () => {
    const { client, onGet } = await recording();
    onGet(refused);
    const { made } = removals(watched, client);
    for (const isWritten of [() => true, () => false]) made.take({ ...wish, isWritten });
    await made.run(key, signal);
    expect([...made.take({ ...wish, isWritten: () => true }).keys()]).toEqual(['secret/roots']);
    expect(made.take({ ...wish, isWritten: () => false }).size).toBe(0);
  });

  it('is waited for when it was read and is ours, whatever is known of what was written', async () => {
    const { made } = removals(watched, (await recording(true)).client);
    const unwritten = { ...wish, isWritten: () => false };
    made.take(unwritten);
    await made.run(key, signal);
    expect(made.take(unwritten).get('secret/roots')?.[0]?.error?.code).toBe('BUNDLE_TARGET_FORBIDDEN');
  });
});

describe('what was seen to be gone', () => {
  const wish = { ...ours, targets: [], left: [{ kind: 'secret', name: 'roots' } as const] };
  const key = 'east.test secret/roots a';

  async function lookedAt(watched: Watched) {
    const { client, onGet } = await recording();
    onGet(absent);
    const { made, work } = removals(watched, client);
    made.take(wish);
    await made.run(key, signal);
    expect(made.take(wish).size).toBe(0);
    return { made, work };
  }

  it('is looked at again after nothing was to go, or somebody else has led', async () => {
    const { made } = await lookedAt({ objects: [], spaces: [space('a')] });
    made.forget(owner);
    expect(made.take(wish).size).toBe(1);
    const other = await lookedAt({ objects: [], spaces: [space('a')] });
    other.made.forget();
    expect(other.made.take(wish).size).toBe(1);
  });

  it('is forgotten with its namespace', async () => {
    const watched: Watched = { objects: [], spaces: [space('a')] };
    const { made } = await lookedAt(watched);
    watched.spaces = [];
    made.take(wish);
    watched.spaces = [space('a')];
    expect(made.take(wish).size).toBe(1);
  });
});
