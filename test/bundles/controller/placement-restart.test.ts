import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { eventually, trustBundle } from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

const user = 'system:serviceaccount:placement-restart:mangrove';
let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-restart', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

/** Of ConfigMaps, but for watches and what this file reads itself. */
const isWork = ({ requestURI }: { readonly requestURI: string }): boolean =>
  /configmaps|namespaces/.test(requestURI) && !/watch=true|-trust\/|leases|events/.test(requestURI);

describe('a controller that begins anew', () => {
  it('reads what stands by pages, writes nothing, and is ready', async () => {
    const domain = 'again.restart.test';
    await placed.namespaces('again-restart', 20);
    const first = placed.start([domain]);
    const root = await placed.bundle(first, domain, [placed.target('again-restart')]);
    await placed.untilReady(domain);
    await first.stop();
    const from = placed.auditPosition();
    const second = placed.start([domain]);
    second.setAuthority(domain, known(domain, root));
    await eventually(async () => {
      const pages = placed
        .audited(from, user)
        .filter(({ requestURI }) => requestURI.includes('fieldSelector'));
      return pages.length >= 2;
    });
    await placed.untilReady(domain);
    const requests = placed.audited(from, user).filter(isWork);
    expect(requests.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))).toEqual([]);
    // Where the watch shows a few before the others, these may be read by name.
    expect(requests.filter(({ verb }) => verb === 'get').length).toBeLessThan(10);
    // Two pages of twenty, and the first lists of the watches.
    expect(requests.filter(({ requestURI }) => requestURI.includes('fieldSelector'))).toHaveLength(2);
  });

  it('takes nothing away while one of its sources is not read yet', async () => {
    const domain = 'grow.restart.test';
    const names = await placed.namespaces('grow-restart', 2);
    const first = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    first.setAuthority('grow-one', known(domain, one));
    first.setAuthority('grow-two', known(domain, two));
    const targets = [placed.target('grow-restart')];
    await apply(scene.kubectl, trustBundle(domain, ['grow-one', 'grow-two'], { targets }));
    await placed.untilHolds(names, one, two);
    await placed.untilReady(domain);
    await first.stop();
    const second = placed.start([domain]);
    second.setAuthority('grow-one', known(domain, one));
    second.setAuthority('grow-two', { state: 'pending', message: 'not read yet' });
    // What the unread source gave before is recalled from what stands.
    await placed.untilTarget(domain, { failing: 0, holding: 2 });
    await placed.untilHolds(names, one, two);
    second.setAuthority('grow-two', known(domain, two));
    await placed.untilReady(domain);
  });
});

describe('a TrustBundle without memory', () => {
  it('lets a ConfigMap grow and lose nothing while one of its sources is not read yet', async () => {
    const domain = 'anew.restart.test';
    const names = await placed.namespaces('anew-restart', 1);
    const publisher = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    publisher.setAuthority('anew-one', known(domain, one));
    publisher.setAuthority('anew-two', known(domain, two));
    const targets = [placed.target('anew-restart')];
    const bundle = trustBundle(domain, ['anew-one', 'anew-two'], { targets });
    await apply(scene.kubectl, bundle);
    await placed.untilHolds(names, one, two);
    // What it published stays; what it remembered goes with it.
    await scene.kubectl(['delete', 'trustbundle', domain]);
    publisher.setAuthority('anew-two', { state: 'pending', message: 'not read yet' });
    await apply(scene.kubectl, bundle);
    const status = await placed.untilTarget(domain, { failing: 1, holding: 0 });
    expect(status?.error).toContain('a source is not read yet');
    await placed.untilHolds(names, one, two);
    publisher.setAuthority('anew-two', known(domain, two));
    await placed.untilReady(domain);
  });
});

describe('a controller that leads again', () => {
  it('puts right what changed while it did not lead, in each namespace', async () => {
    const domain = 'leads.restart.test';
    const names = await placed.namespaces('leads-restart', 2);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('leads-restart')]);
    await placed.untilReady(domain);
    publisher.leading = false;
    const position = placed.auditPosition();
    await scene.kubectl(['delete', 'configmap', 'roots', '-n', names[0] ?? '']);
    const patch = JSON.stringify({ data: { 'ca.crt': 'edited' } });
    await scene.kubectl(['patch', 'configmap', 'roots', '-n', names[1] ?? '', '--type=merge', '-p', patch]);
    // The watch has shown both: what comes after them is here.
    await eventually(async () => placed.auditPosition() > position);
    await sleep(500);
    publisher.leading = true;
    publisher.controller.resync();
    await placed.untilHolds(names, root);
    await placed.untilReady(domain);
  });
});

describe('a controller that finds nothing new', () => {
  it('writes nothing and reads nothing beyond its watches', async () => {
    const [domain, behind] = ['quiet.restart.test', 'behind.restart.test'];
    await placed.namespaces('quiet-restart', 8);
    const publisher = placed.start([domain, behind], { timing: { verifyMs: 500 } });
    await placed.bundle(publisher, domain, [placed.target('quiet-restart')]);
    await placed.untilReady(domain);
    const from = placed.auditPosition();
    for (let round = 0; round < 20; round += 1) publisher.controller.resync();
    // A change of another bundle comes out behind all of these reconciles.
    await placed.namespaces('behind-restart', 1);
    await placed.bundle(publisher, behind, [placed.target('behind-restart', { name: 'behind' })]);
    await placed.untilReady(behind);
    const uris = placed
      .audited(from, user)
      .filter(isWork)
      .map(({ requestURI }) => requestURI);
    // The other bundle is new: once it is looked for what an earlier one of its name has left, wherever it is to be.
    expect(uris.filter((uri) => !uri.includes('behind'))).toEqual(['/api/v1/namespaces?limit=500']);
  });
});
