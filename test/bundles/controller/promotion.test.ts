import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles } from '#kube/resource.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { conditionOf, eventually, type Publisher, signerOf, trustBundle } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene, targetName } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('promotion', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const live = (domain: string) => ({ clusterTrustBundle: { signerName: signerOf(domain) } });
const canary = (domain: string) => ({
  clusterTrustBundle: { signerName: signerOf(domain), channel: 'canary' as const },
});

/** What a ClusterTrustBundle holds, root by root. */
const blocksOf = (text: string): string[] => text.split(/(?<=-----END CERTIFICATE-----\n)/).toSorted();

async function untilCanary(domain: string, ...roots: Buffer[]): Promise<void> {
  await eventually(async () => {
    const name = `${targetName(domain)}.canary`;
    const { spec } = await scene.client.get<ClusterTrustBundle>(clusterTrustBundles, name);
    expect(blocksOf(spec.trustBundle)).toEqual(roots.map((root) => pem(root)).toSorted());
    return true;
  });
}

const hashOf = async (domain: string): Promise<string> => (await scene.bundleOf(domain)).status?.hash ?? '';

async function promote(domain: string, hash: string | null): Promise<void> {
  const patch = JSON.stringify({ spec: { promoted: hash } });
  await scene.kubectl(['patch', 'trustbundle', domain, '--type=merge', '--patch', patch]);
}

const untilPromoted = (domain: string, wanted: Record<string, unknown>) =>
  scene.untilCondition(domain, 'Promoted', wanted);
const pending = { status: 'False', reason: 'PromotionPending' };

/** A bundle whose first root is promoted. */
async function given(
  publisher: Publisher,
  domain: string,
  targets: TrustBundle['spec']['targets'],
  ...roots: Buffer[]
): Promise<void> {
  publisher.setAuthority(domain, known(domain, ...roots));
  await apply(scene.kubectl, trustBundle(domain, [domain], { targets }));
  await placed.untilReady(domain);
  await promote(domain, await hashOf(domain));
  const { status } = await untilPromoted(domain, { status: 'True', reason: 'Promoted' });
  expect(status?.promoted).toMatchObject({
    hash: status?.hash,
    anchors: roots
      .map(sha256)
      .toSorted()
      .map((root) => ({ sha256: root })),
  });
  await placed.untilReady(domain);
}

describe('with spec.promoted', () => {
  it('a new root is in the canary at once, and in live targets when its hash is named; evidence waits for that', async () => {
    const domain = 'steps.promotion.test';
    const names = await placed.namespaces('steps-promotion', 2);
    const waiting: boolean[] = [];
    const publisher = placed.start([domain], {
      observer: { promotion: (bundle, isPending) => bundle === domain && waiting.push(isPending) },
    });
    const [one, two] = [await makeRoot(), await makeRoot()];
    await given(publisher, domain, [live(domain), canary(domain), placed.target('steps-promotion')], one);
    expect(waiting.at(-1)).toBe(false);

    publisher.setAuthority(domain, known(domain, two));
    await untilCanary(domain, two);
    const bundle = await untilPromoted(domain, pending);
    const message = conditionOf(bundle, 'Promoted')?.message;
    expect(message).toContain(`1 root would join: ${sha256(two).slice(0, 8)}`);
    expect(message).toContain(`1 root would leave: ${sha256(one).slice(0, 8)}`);
    expect(conditionOf(bundle, 'Ready')).toMatchObject({ status: 'True' });
    expect(waiting.at(-1)).toBe(true);
    await scene.untilEvent(domain, 'PromotionPending');
    await scene.untilPublished(domain, one);
    await placed.untilHolds(names, one);
    const evidence = await publisher.controller.verifyPublished(domain, sha256(two));
    expect(evidence.complete).toBe(false);
    expect(evidence.targets.filter(({ published }) => published).map(({ target }) => target)).toEqual([
      expect.stringMatching(/canary$/),
    ]);

    await promote(domain, await hashOf(domain));
    await scene.untilPublished(domain, two);
    await placed.untilHolds(names, two);
    await untilPromoted(domain, { status: 'True' });
    await placed.untilReady(domain);
    expect(await publisher.controller.verifyPublished(domain, sha256(two))).toMatchObject({ complete: true });
    expect(waiting.at(-1)).toBe(false);
    await scene.untilEvent(domain, 'Promoted');

    // Without the field every change is everywhere at once again.
    await promote(domain, null);
    publisher.setAuthority(domain, known(domain, one));
    await scene.untilPublished(domain, one);
    const { status } = await untilPromoted(domain, { status: 'True' });
    expect(status).not.toHaveProperty('promoted');
  });

  it('a hash that nothing has changes nothing and is told, also before anything was promoted', async () => {
    const domain = 'unknown.promotion.test';
    const publisher = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    const unknown = 'ab'.repeat(32);
    publisher.setAuthority(domain, known(domain, one));
    const targets = [live(domain), canary(domain)];
    await apply(scene.kubectl, trustBundle(domain, [domain], { targets, promoted: unknown }));
    await untilCanary(domain, one);
    const first = await untilPromoted(domain, { status: 'False', reason: 'PromotionUnknown' });
    expect(conditionOf(first, 'Published')).toMatchObject({ status: 'False', reason: 'PromotionUnknown' });
    await expect(scene.published(domain)).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    const hash = await hashOf(domain);
    await promote(domain, hash);
    await scene.untilPublished(domain, one);
    await placed.untilReady(domain);

    publisher.setAuthority(domain, known(domain, one, two));
    await untilPromoted(domain, pending);
    await promote(domain, unknown);
    const bundle = await untilPromoted(domain, { status: 'False', reason: 'PromotionUnknown' });
    const message = conditionOf(bundle, 'Promoted')?.message;
    for (const text of [unknown, hash, bundle.status?.hash]) expect(message).toContain(text);
    await scene.untilEvent(domain, 'PromotionUnknown');
    // A canary that changes now comes out behind all that could have gone wrong.
    publisher.setAuthority(domain, known(domain, two));
    await untilCanary(domain, two);
    await scene.untilPublished(domain, one);
    expect((await scene.bundleOf(domain)).status?.promoted?.hash).toBe(hash);
  });

  it('live targets that somebody edits are put right to what is promoted', async () => {
    const domain = 'edited.promotion.test';
    const names = await placed.namespaces('edited-promotion', 1);
    const publisher = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    await given(publisher, domain, [live(domain), placed.target('edited-promotion')], one);
    publisher.setAuthority(domain, known(domain, two));
    await untilPromoted(domain, pending);
    const trustBundlePatch = JSON.stringify({ spec: { trustBundle: pem(two) } });
    const dataPatch = JSON.stringify({ data: { 'ca.crt': pem(two) } });
    await scene.kubectl([
      'patch',
      'clustertrustbundle',
      targetName(domain),
      '--type=merge',
      '-p',
      trustBundlePatch,
    ]);
    await scene.kubectl([
      'patch',
      'configmap',
      'roots',
      '-n',
      names[0] ?? '',
      '--type=merge',
      '-p',
      dataPatch,
    ]);
    await scene.untilEvent(domain, 'TargetRepaired');
    await scene.untilPublished(domain, one);
    await placed.untilHolds(names, one);
  });

  it('a root leaves live targets when it expires, whatever the sources give', async () => {
    const domain = 'expiry.promotion.test';
    const publisher = placed.start([domain]);
    const notAfter = new Date(Date.now() + 12_000);
    const [brief, one, two] = [await makeRoot({ notAfter }), await makeRoot(), await makeRoot()];
    await given(publisher, domain, [live(domain)], brief, one);
    publisher.setAuthority(domain, known(domain, one, two));
    await untilPromoted(domain, pending);
    await scene.untilPublished(domain, brief, one);
    await scene.untilPublished(domain, one);
    expect(Date.now()).toBeGreaterThanOrEqual(Math.floor(notAfter.getTime() / 1000) * 1000);
    await untilPromoted(domain, pending);
  });
});

/** No watch shows what a ConfigMap holds, and no source gives it any more. */
describe('what is promoted outlives the process that promoted it', () => {
  it.each([
    ['by ClusterTrustBundles', 'bytes.promotion.test', false],
    ['by ConfigMaps', 'maps.promotion.test', true],
  ])('%s', async (_title, domain, isPlaced) => {
    const test = domain.replaceAll('.', '-');
    const names = await placed.namespaces(test, 2);
    const target = isPlaced ? placed.target(test) : live(domain);
    const first = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    await given(first, domain, [target], one);
    await first.stop();
    const second = placed.start([domain]);
    second.setAuthority(domain, known(domain, two));
    await untilPromoted(domain, pending);
    await untilHolds(one);
    // Another leader, and back.
    second.leading = false;
    const third = placed.start([domain]);
    third.setAuthority(domain, known(domain, one, two));
    await untilPromoted(domain, { ...pending, message: expect.stringContaining('0 roots would leave') });
    await promote(domain, await hashOf(domain));
    await untilHolds(one, two);
    await untilPromoted(domain, { status: 'True' });
    await third.stop();
    second.leading = true;
    second.controller.resync();
    await untilPromoted(domain, pending);
    await untilHolds(one, two);
    await placed.untilReady(domain);

    async function untilHolds(...roots: Buffer[]): Promise<void> {
      if (isPlaced) await placed.untilHolds(names, ...roots);
      else await scene.untilPublished(domain, ...roots);
    }
  });

  it('also when that one ended before it had written, and the sources have changed since', async () => {
    const domain = 'ended.promotion.test';
    let writes = Number.POSITIVE_INFINITY;
    const step = (name: string): void => {
      if (name !== 'publish/write') return;
      writes -= 1;
      if (writes < 0) throw new Error('it ends here');
    };
    const first = placed.start([domain], { step });
    const [one, two, three] = [await makeRoot(), await makeRoot(), await makeRoot()];
    await given(first, domain, [canary(domain), live(domain)], one);
    first.setAuthority(domain, known(domain, two));
    await untilCanary(domain, two);
    await untilPromoted(domain, pending);
    writes = 0;
    const hash = await hashOf(domain);
    await promote(domain, hash);
    await eventually(async () => (await scene.bundleOf(domain)).status?.promoted?.hash === hash);
    await scene.untilPublished(domain, one);
    await first.stop();

    // The canary alone has the root that was promoted. This one ends behind its first write.
    writes = 1;
    const second = placed.start([domain], { step });
    second.setAuthority(domain, known(domain, three));
    await eventually(() => Promise.resolve(writes < 0));
    await second.stop();

    const third = placed.start([domain]);
    third.setAuthority(domain, known(domain, three));
    await scene.untilPublished(domain, two);
    await untilCanary(domain, three);
    await untilPromoted(domain, pending);
  });

  it('and where nobody has its roots any more the targets are left alone, until somebody puts them back', async () => {
    const domain = 'lost.promotion.test';
    const first = placed.start([domain]);
    const [one, two] = [await makeRoot(), await makeRoot()];
    await given(first, domain, [live(domain)], one);
    await first.stop();
    const edit = async (root: Buffer): Promise<void> => {
      const patch = JSON.stringify({ spec: { trustBundle: pem(root) } });
      await scene.kubectl(['patch', 'clustertrustbundle', targetName(domain), '--type=merge', '-p', patch]);
    };
    const stranger = await makeRoot();
    await edit(stranger);
    const second = placed.start([domain]);
    second.setAuthority(domain, known(domain, two));
    const bundle = await untilPromoted(domain, { status: 'False', reason: 'PromotedLost' });
    expect(conditionOf(bundle, 'Published')).toMatchObject({ reason: 'PromotedLost' });
    expect((await scene.published(domain)).spec.trustBundle).toBe(pem(stranger));
    await edit(one);
    await untilPromoted(domain, pending);
    await placed.untilReady(domain);
  });
});
