import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formats } from '#bundles/format/format.ts';
import type { Secret } from '#kube/object.ts';
import { secrets } from '#kube/resource.ts';
import { adminClient } from '../../kube/lab.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { apply } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { eventually } from '../support/publisher.ts';
import { makeRoot, pem } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';
import { privateKeyPem } from '../support/sources.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  // Without the component for ConfigMaps: neither may need the rights of the other.
  scene = await openScene('secret-targets', ['secret-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

const text = ({ data = {} }: Secret, key: string): string =>
  Buffer.from(data[key] ?? '', 'base64').toString();

describe('a Secret target', () => {
  const secretIn = async (namespace: string): Promise<Secret> =>
    (await adminClient()).get<Secret>(secrets, 'roots', { namespace });
  const target = (test: string, more: Record<string, unknown> = {}) => ({
    secret: { name: 'roots', namespaceSelector: placed.selector(test), ...more },
  });

  it('is written, read back and told, and follows its bundle', async () => {
    const domain = 'first.secrets.test';
    const [where = ''] = await placed.namespaces('first-secrets', 3);
    const publisher = placed.start([domain]);
    const keys = [
      { key: 'ca.crt', format: 'pem' as const },
      { key: 'bundle.json', format: 'jwks' as const },
    ];
    const root = await placed.bundle(publisher, domain, [target('first-secrets', { keys })]);
    await placed.untilReady(domain);
    await placed.untilTarget(domain, { kind: 'secret', namespaces: 3, holding: 3, failing: 0 });
    const secret = await secretIn(where);
    expect(text(secret, 'ca.crt')).toBe(pem(root));
    expect([...(formats.jwks.decode(text(secret, 'bundle.json')) ?? new Map()).values()]).toEqual([root]);
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await eventually(async () => text(await secretIn(where), 'ca.crt').split('BEGIN').length === 3);
    await placed.untilReady(domain);
  });

  it('is put right when it is looked at again, for nobody watches Secrets', async () => {
    const domain = 'edited.secrets.test';
    const [where = ''] = await placed.namespaces('edited-secrets', 1);
    const publisher = placed.start([domain], { timing: { verifyMs: 1_000 } });
    const root = await placed.bundle(publisher, domain, [target('edited-secrets')]);
    await placed.untilReady(domain);
    await apply(scene.kubectl, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'roots', namespace: where },
      stringData: { 'ca.crt': 'damaged' },
    });
    await eventually(async () => text(await secretIn(where), 'ca.crt') === pem(root));
  });

  it('that is adopted keeps what else is in it, and nothing of that is told', async () => {
    const domain = 'adopted.secrets.test';
    const [where = ''] = await placed.namespaces('adopted-secrets', 1);
    const key = privateKeyPem();
    await apply(scene.kubectl, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'roots', namespace: where },
      stringData: { 'tls.key': key, 'ca.crt': key },
    });
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [target('adopted-secrets')]);
    const refused = await placed.untilTarget(domain, { failing: 1 });
    expect(refused?.error).toContain('was not made by Mangrove');
    expect(JSON.stringify(refused)).not.toContain(key.slice(40, 60));
    await placed.bundle(publisher, domain, [target('adopted-secrets', { adopt: true })], root);
    await placed.untilReady(domain);
    const secret = await secretIn(where);
    expect(text(secret, 'tls.key')).toBe(key);
    expect(text(secret, 'ca.crt')).toBe(pem(root));
  });
});

describe('a file target', () => {
  it('is written and told, put right, and fails alone where it cannot be written', async () => {
    const domain = 'first.files.test';
    const directory = scratchDirectory('targets');
    const path = join(directory, 'own-roots.pem');
    const publisher = placed.start([domain], { targets: { directory } });
    mkdirSync(join(directory, 'taken'));
    const root = await placed.bundle(publisher, domain, [
      { file: { name: 'own-roots.pem' } },
      { file: { name: 'own-roots.json', format: 'jwks' } },
      { file: { name: 'taken' } },
    ]);
    await scene.untilCondition(domain, 'Published', { status: 'False', reason: 'TargetForeign' });
    const { status } = await scene.bundleOf(domain);
    expect(status?.targets).toEqual([
      expect.objectContaining({ kind: 'file', name: 'own-roots.pem', hash: status?.hash }),
      expect.objectContaining({ kind: 'file', name: 'own-roots.json', hash: status?.hash }),
      expect.objectContaining({
        kind: 'file',
        name: 'taken',
        error: expect.stringContaining('no regular file'),
      }),
    ]);
    expect(readFileSync(path, 'utf8')).toBe(pem(root));
    writeFileSync(path, 'damaged');
    publisher.controller.authorityChanged(domain);
    await eventually(async () => readFileSync(path, 'utf8') === pem(root));
    await scene.untilEvent(domain, 'TargetRepaired');
  });

  it('without a directory is told so', async () => {
    const domain = 'nowhere.files.test';
    const publisher = placed.start([domain], { targets: { directory: '/nowhere/at/all' } });
    await placed.bundle(publisher, domain, [{ file: { name: 'nowhere.pem' } }]);
    await scene.untilCondition(domain, 'Ready', { status: 'False', reason: 'TargetUnwritable' });
  });
});
