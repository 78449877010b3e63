import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { conditionOf, eventually, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-owners', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const foreign = (namespace: string, more: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'roots', namespace, labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
  data: { 'ca.crt': 'theirs', other: 'kept' },
  ...more,
});

describe('a ConfigMap that somebody else made', () => {
  it('is not taken over; its namespace fails alone, and gets the bundle once it is gone', async () => {
    const domain = 'foreign.owned.test';
    const names = await placed.namespaces('foreign-owned', 3);
    await apply(scene.kubectl, foreign('foreign-owned-1'));
    const before = await placed.configMap('foreign-owned-1');
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('foreign-owned')]);
    await placed.untilHolds(['foreign-owned-0', 'foreign-owned-2'], root);
    const status = await placed.untilTarget(domain, { namespaces: 3, holding: 2, failing: 1 });
    expect(status?.failures).toEqual([
      { namespace: 'foreign-owned-1', error: expect.stringContaining('was not made by Mangrove') },
    ]);
    const bundle = await scene.untilCondition(domain, 'Published', { reason: 'TargetForeign' });
    expect(conditionOf(bundle, 'Published')?.message).toContain('(1 of 3 namespaces)');
    await scene.untilEvent(domain, 'TargetForeign');
    expect(await placed.configMap('foreign-owned-1')).toEqual(before);
    await scene.kubectl(['delete', 'configmap', 'roots', '-n', 'foreign-owned-1']);
    await placed.untilHolds(names, root);
    await placed.untilReady(domain);
  });

  it('gets our keys alone when the specification adopts it', async () => {
    const domain = 'adopted.owned.test';
    await placed.namespaces('adopted-owned', 1);
    await apply(scene.kubectl, foreign('adopted-owned-0'));
    const publisher = placed.start([domain]);
    const targets = [placed.target('adopted-owned', { adopt: true, labels: { 'istio.io/config': 'true' } })];
    const root = await placed.bundle(publisher, domain, targets);
    await placed.untilReady(domain);
    const { metadata, data } = await placed.configMap('adopted-owned-0');
    expect(data).toEqual({ 'ca.crt': pem(root), other: 'kept' });
    expect(metadata.labels).toEqual({
      'app.kubernetes.io/managed-by': 'Helm',
      'istio.io/config': 'true',
      'mangrove.dev/trust-bundle': domain,
    });
  });

  it('is not taken over, nor adopted, when it is of another trust domain', async () => {
    const domain = 'other.owned.test';
    await placed.namespaces('other-owned', 1);
    const annotations = { 'mangrove.dev/trust-domain': 'else.test' };
    await apply(
      scene.kubectl,
      foreign('other-owned-0', { metadata: { name: 'roots', namespace: 'other-owned-0', annotations } }),
    );
    const publisher = placed.start([domain]);
    await placed.bundle(publisher, domain, [placed.target('other-owned', { adopt: true })]);
    const status = await placed.untilTarget(domain, { failing: 1 });
    expect(status?.error).toContain('is of trust domain else.test');
    expect((await placed.configMap('other-owned-0')).data?.['ca.crt']).toBe('theirs');
  });
});

describe('a ConfigMap of ours that somebody else changes', () => {
  const patch = (namespace: string, type: string, change: unknown) =>
    scene.kubectl([
      'patch',
      'configmap',
      'roots',
      '-n',
      namespace,
      `--type=${type}`,
      '-p',
      JSON.stringify(change),
    ]);

  it.each<[string, (namespace: string) => Promise<unknown>]>([
    ['content', async (where) => patch(where, 'merge', { data: { 'ca.crt': pem(await makeRoot()) } })],
    ['key', async (where) => patch(where, 'json', [{ op: 'remove', path: '/data/ca.crt' }])],
    [
      'marks',
      async (where) =>
        scene.kubectl([
          'label',
          'configmap',
          'roots',
          '-n',
          where,
          'mangrove.dev/trust-bundle-',
          'app.kubernetes.io/managed-by-',
        ]),
    ],
    [
      'hash',
      async (where) =>
        scene.kubectl([
          'annotate',
          'configmap',
          'roots',
          '-n',
          where,
          '--overwrite',
          'mangrove.dev/bundle-sha256=0',
        ]),
    ],
    ['object', async (where) => scene.kubectl(['delete', 'configmap', 'roots', '-n', where])],
  ])('is put right, and an event says so: %s', async (name, change) => {
    const domain = `${name}.edited.owned.test`;
    const test = `edited-${name}`;
    const [where = ''] = await placed.namespaces(test, 2);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target(test)]);
    await placed.untilReady(domain);
    const { data, metadata } = await placed.configMap(where);
    await change(where);
    await eventually(async () => {
      const after = await placed.configMap(where);
      expect(after.data).toEqual(data);
      expect(after.metadata.labels).toEqual(metadata.labels);
      expect(after.metadata.annotations).toEqual(metadata.annotations);
      return after.metadata.resourceVersion !== metadata.resourceVersion;
    });
    await scene.untilEvent(domain, 'TargetRepaired');
    await placed.untilHolds([where, `${test}-1`], root);
  });

  it('keeps what others put beside our part, and comments within it', async () => {
    const domain = 'beside.owned.test';
    const [where = ''] = await placed.namespaces('beside-owned', 1);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('beside-owned')]);
    await placed.untilReady(domain);
    await patch(where, 'merge', { metadata: { labels: { team: 'blue' } }, data: { other: 'x' } });
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilHolds([where], root, next);
    expect(await placed.configMap(where)).toMatchObject({
      metadata: { labels: { team: 'blue' } },
      data: { other: 'x' },
    });
  });
});

describe('two TrustBundles that name one ConfigMap', () => {
  it('conflict in the namespaces that both select, where the older one publishes; the younger has the others', async () => {
    const [domain, older] = ['claimed.owned.test', 'h-00000000000000d1'];
    await placed.namespaces('claimed-owned', 2);
    await placed.namespace('claimed-owned-1', { test: 'claimed-owned', also: 'older' });
    const publisher = placed.start([domain]);
    const [first, second] = [await makeRoot(), await makeRoot()];
    publisher.setAuthority('older', known(domain, first));
    publisher.setAuthority('younger', known(domain, second));
    const target = (matchLabels: Record<string, string>) => ({
      configMap: { name: 'roots', namespaceSelector: { matchLabels } },
    });
    const targets = [target({ also: 'older' })];
    await apply(scene.kubectl, { ...trustBundle(domain, ['older'], { targets }), metadata: { name: older } });
    await placed.untilHolds(['claimed-owned-1'], first);
    await eventually(async () => {
      const created = (await scene.bundleOf(older)).metadata.creationTimestamp ?? '';
      return Date.now() > Date.parse(created) + 1_500;
    });
    await apply(
      scene.kubectl,
      trustBundle(domain, ['younger'], { targets: [target({ test: 'claimed-owned' })] }),
    );
    await placed.untilHolds(['claimed-owned-0'], second);
    const status = await placed.untilTarget(domain, { holding: 1, failing: 1 });
    expect(status?.failures?.[0]?.error).toContain(`the older TrustBundle ${older}`);
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'TargetConflicted' });
    await scene.untilCondition(domain, 'Conflicted', { status: 'True' });
    await scene.untilCondition(older, 'Conflicted', { status: 'True' });
    await placed.untilHolds(['claimed-owned-1'], first);
    await scene.kubectl(['delete', 'trustbundle', older]);
    await placed.untilHolds(['claimed-owned-0', 'claimed-owned-1'], second);
    await scene.untilCondition(domain, 'Conflicted', { status: 'False' });
  });
});

describe('a TrustBundle whose source is its own target', () => {
  it('is told so, and goes on publishing', async () => {
    const domain = 'loop.owned.test';
    const publisher = placed.start([domain]);
    const root = await makeRoot();
    publisher.setAuthority(domain, known(domain, root));
    const names = await placed.namespaces('loop-owned', 1);
    const labels = { loop: 'yes' };
    const sources = [{ authority: { name: domain } }, { configMap: { selector: { matchLabels: labels } } }];
    const targets = [placed.target('loop-owned', { labels })];
    await apply(scene.kubectl, trustBundle(domain, [], { sources, targets }));
    await placed.untilHolds(names, root);
    // Nothing is placed among the sources; a copy that somebody made carries the mark all the same.
    const { data, metadata } = await placed.configMap(names[0] ?? '', 'roots');
    const copy = { name: 'copied', namespace: scene.sources, labels: metadata.labels };
    await apply(scene.kubectl, { apiVersion: 'v1', kind: 'ConfigMap', metadata: copy, data });
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'SourceIsTarget' });
    await scene.untilCondition(domain, 'Published', { status: 'True' });
    await placed.untilHolds(names, root);
  });
});
