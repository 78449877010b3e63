import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { eventually, signerOf } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

const user = 'system:serviceaccount:placements:mangrove';
let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placements', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

describe('a ConfigMap target', () => {
  it('is written to every selected namespace, read back and told in the status', async () => {
    const domain = 'first.placed.test';
    const names = await placed.namespaces('first-placed', 5);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [
      { clusterTrustBundle: { signerName: signerOf(domain) } },
      placed.target('first-placed', { labels: { team: 'blue' }, annotations: { note: 'x' } }),
    ]);
    await placed.untilHolds(names, root);
    await placed.untilReady(domain);
    const { metadata, data } = await placed.configMap('first-placed-0');
    const { status } = await scene.bundleOf(domain);
    expect(data).toEqual({ 'ca.crt': pem(root) });
    expect(metadata.labels).toEqual({
      team: 'blue',
      'app.kubernetes.io/managed-by': 'mangrove',
      'mangrove.dev/trust-bundle': domain,
    });
    expect(metadata.annotations).toEqual({
      note: 'x',
      'mangrove.dev/trust-domain': domain,
      'mangrove.dev/trust-bundle': domain,
      'mangrove.dev/bundle-sha256': status?.hash,
      'mangrove.dev/keys': 'ca.crt',
    });
    expect(status?.targets).toEqual([
      expect.objectContaining({ kind: 'clusterTrustBundle' }),
      {
        kind: 'configMap',
        name: 'roots',
        apiVersion: 'v1',
        hash: status?.hash,
        lastVerifiedTime: expect.stringMatching(/^\d{4}-/),
        firstVerifiedTime: expect.stringMatching(/^\d{4}-/),
        namespaces: 5,
        holding: 5,
        failing: 0,
      },
    ]);
    await scene.untilEvent(domain, 'Published');
  });

  it('follows its bundle without reading what it wrote before, and then rests', async () => {
    const domain = 'wave.placed.test';
    const names = await placed.namespaces('wave-placed', 12);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('wave-placed')]);
    await placed.untilReady(domain);
    const from = placed.auditPosition();
    const next = await makeRoot({ subject: 'CN=next' });
    publisher.setAuthority(domain, known(domain, root, next));
    await eventually(async () => {
      const status = await placed.targetStatus(domain);
      const { hash } = (await scene.bundleOf(domain)).status ?? {};
      return status?.hash === hash && status?.holding === 12 && (await isPublished(12, root, next));
    });
    await placed.untilReady(domain);
    const requests = placed
      .audited(from, user)
      .filter(({ requestURI }) => /wave-placed|fieldSelector/.test(requestURI));
    const ours = requests.filter(({ verb }) => verb !== 'get');
    expect(ours.filter(({ verb }) => verb === 'patch')).toHaveLength(12);
    expect(ours.filter(({ verb }) => verb === 'create' || verb === 'update')).toEqual([]);
    // The pages of the read-back; single reads are those of this test.
    expect(ours.filter(({ verb }) => verb === 'list')).toHaveLength(1);
    const rest = placed.auditPosition();
    for (let round = 0; round < 20; round += 1) publisher.controller.resync();
    await eventually(async () => placed.auditPosition() > rest + 1);
    const idle = placed
      .audited(rest, user)
      .filter(
        ({ requestURI }) => /wave|fieldSelector|configmaps/.test(requestURI) && !requestURI.includes('watch'),
      );
    expect(idle).toEqual([]);

    async function isPublished(count: number, ...roots: Buffer[]): Promise<boolean> {
      await placed.untilHolds(names.slice(0, count), ...roots);
      return true;
    }
  });
});
