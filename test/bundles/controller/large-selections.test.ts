import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { conditionOf } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { type OpenScene, openScene } from '../support/scene.ts';
import { rootPem, type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('large-selections');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

const tooLarge = async (domain: string): Promise<string | undefined> => {
  const bundle = await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'SourceTooLarge' });
  return conditionOf(bundle, 'Ready')?.message;
};
const selecting = (team: string) => ({ selector: { matchLabels: { team } } });

/** Many objects with the label of this team, all at once. */
async function createMany(
  kind: string,
  team: string,
  count: number,
  content: (index: number) => Record<string, string>,
): Promise<void> {
  const items = Array.from({ length: count }, (_, index) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name: `${team}-${index}`, namespace: scene.sources, labels: { team } },
    [kind === 'Secret' ? 'stringData' : 'data']: content(index),
  }));
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await scene.kubectl(['create', '-f', '-'], { input });
}

/** The client of the scene, which notes what of the namespace of sources it reads whole. */
function noting(): { client: KubeClient; read: Set<string>; most: () => number } {
  const read = new Set<string>();
  let [now, most] = [0, 0];
  async function note<T>(what: string, reading: Promise<T>): Promise<T> {
    read.add(what);
    now += 1;
    most = Math.max(most, now);
    try {
      return await reading;
    } finally {
      now -= 1;
    }
  }
  const { client } = scene;
  const inSources = /\/namespaces\/[^/]*-trust\/(?:secrets|configmaps)\/(.*)/;
  return {
    read,
    most: () => most,
    client: {
      ...client,
      get: (resource, name, options) =>
        options?.namespace === scene.sources
          ? note(name, client.get(resource, name, options))
          : client.get(resource, name, options),
      request: (call) => {
        const [, name] = inSources.exec(call.path) ?? [];
        return name === undefined ? client.request(call) : note(name, client.request(call));
      },
    },
  };
}

it.each(['configMap', 'secret'] as const)(
  '%s: 256 are read, a few at a time; with one more the last good content stays',
  async (kind) => {
    const domain = `many-${kind.toLowerCase()}.selections.test`;
    const team = `many-${kind.toLowerCase()}`;
    const [root, text] = await rootPem();
    await createMany(kind === 'secret' ? 'Secret' : 'ConfigMap', team, 256, () => ({ 'ca.crt': text }));
    await sources.configMap(`${team}-other`, { 'ca.crt': pem(await makeRoot()) });
    const { client, read, most } = noting();
    const publisher = sources.start(domain, { client });
    const own = await sources.beside(publisher, domain, { [kind]: selecting(team) });
    await scene.untilPublished(domain, own, root);
    expect(read.size).toBe(256);
    // None that no source selects is more than its metadata here.
    expect(read).not.toContain(`${team}-other`);
    expect(most()).toBeLessThanOrEqual(8);

    const [, next] = await rootPem();
    await (kind === 'secret'
      ? scene.kubectl(['create', '-f', '-'], {
          input: JSON.stringify({
            apiVersion: 'v1',
            kind: 'Secret',
            metadata: { name: `${team}-more`, namespace: scene.sources, labels: { team } },
            stringData: { 'ca.crt': next },
          }),
        })
      : sources.configMap(`${team}-more`, { 'ca.crt': next }, { team }));
    expect(await tooLarge(domain)).toMatch(/^257 (ConfigMap|Secret)s are meant, more than 256.* Select less/);
    await scene.untilPublished(domain, own, root);
    await sources.remove(kind, `${team}-more`);
    await scene.untilCondition(domain, 'Ready', { status: 'True' });
  },
);

it('of more than 4 MiB together nothing is read into the bundle, and the last good content stays', async () => {
  const domain = 'bytes.selections.test';
  const [root, text] = await rootPem();
  const filler = 'x'.repeat(1_000_000);
  const publisher = sources.start(domain);
  await createMany('ConfigMap', 'bytes', 4, () => ({ 'ca.crt': text, notes: filler }));
  const own = await sources.beside(publisher, domain, { configMap: selecting('bytes') });
  await scene.untilPublished(domain, own, root);
  await scene.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'bytes-more', namespace: scene.sources, labels: { team: 'bytes' } },
      data: { 'ca.crt': pem(await makeRoot()), notes: filler },
    }),
  });
  expect(await tooLarge(domain)).toContain('the 5 ConfigMaps that are meant have more than 4194304 bytes');
  await scene.untilPublished(domain, own, root);
});
