import { beforeAll, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import type { ClusterTrustBundle, ConfigMap, Secret } from '#kube/object.ts';
import { clusterTrustBundles, objectPath, secrets } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { selfSigned } from './fault-proxy.ts';
import {
  adminClient,
  clientOf,
  configMap,
  configMapsResource,
  namespaces,
  ownNamespace,
  recordingLog,
  silent,
  uniqueName,
} from './lab.ts';

const maps = configMapsResource;

describe('KubeClient on a real API server', () => {
  let client: KubeClient;
  let namespace: string;
  beforeAll(async () => {
    const { kubeconfig } = await controlPlane();
    client = createKubeClient({ credentials: loadCredentials({ kubeconfig }), log: silent });
    namespace = await ownNamespace(client);
    return () => client.close();
  });

  test('creates, reads, updates and deletes an object', async () => {
    const created = await client.create<ConfigMap>(maps, configMap(namespace, 'life', { a: '1' }));
    expect(created).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } });
    const updated = await client.update<ConfigMap>(maps, { ...created, data: { a: '2' } });
    expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
    expect(await client.get<ConfigMap>(maps, 'life', { namespace })).toMatchObject({ data: { a: '2' } });
    await client.delete(maps, 'life', { namespace });
    await expect(client.get(maps, 'life', { namespace })).rejects.toMatchObject({
      code: 'KUBE_NOT_FOUND',
      status: 404,
      reason: 'NotFound',
    });
  });

  test('an update without resourceVersion is refused before it is sent', async () => {
    await client.create(maps, configMap(namespace, 'unconditional'));
    const update = client.update(maps, configMap(namespace, 'unconditional', { a: '1' }));
    await expect(update).rejects.toMatchObject({ code: 'KUBE_UNCONDITIONAL_WRITE' });
    expect((await client.get<ConfigMap>(maps, 'unconditional', { namespace })).data).toBeUndefined();
  });

  test('of two updates of the same version one is a conflict', async () => {
    const created = await client.create<ConfigMap>(maps, configMap(namespace, 'race'));
    const both = [1, 2].map((data) => client.update(maps, { ...created, data: { a: String(data) } }));
    const settled = await Promise.allSettled(both);
    const lost = settled.find(({ status }) => status === 'rejected');
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(lost).toMatchObject({ reason: { code: 'KUBE_CONFLICT', status: 409 } });
  });

  test('the same name a second time is no conflict but exists already', async () => {
    await client.create(maps, configMap(namespace, 'twice'));
    const again = client.create(maps, configMap(namespace, 'twice'));
    await expect(again).rejects.toMatchObject({ code: 'KUBE_ALREADY_EXISTS', status: 409 });
  });

  test('a deletion bound to a UID leaves an object made since under that name', async () => {
    const { metadata } = await client.create<ConfigMap>(maps, configMap(namespace, 'reborn'));
    const stale = client.delete(maps, 'reborn', { namespace, uid: '00000000-0000-0000-0000-000000000000' });
    await expect(stale).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
    await client.delete(maps, 'reborn', { namespace, uid: metadata.uid ?? '' });
  });

  test('refused content names the field', async () => {
    const wrong = client.create(maps, configMap(namespace, 'wrong', { 'not a key': 'x' }));
    await expect(wrong).rejects.toMatchObject({
      code: 'KUBE_INVALID',
      status: 422,
      causes: [{ field: 'data[not a key]' }],
    });
  });

  test('what is refused about a Secret is not quoted', async () => {
    const secret: Secret = {
      metadata: { namespace, name: 'quoted' },
      type: 'kubernetes.io/tls',
      data: { hidden: 'c2VjcmV0' },
    };
    const refused: Error = await client.create(secrets, secret).then(
      () => new Error('accepted'),
      (error: Error) => error,
    );
    expect(refused).toMatchObject({ code: 'KUBE_INVALID' });
    expect(refused.message).toContain('data[tls.crt]');
    expect(refused.message).not.toContain('c2VjcmV0');
    const mangled: Error = await client
      .request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/secrets`,
        body: { metadata: { name: 'mangled' }, data: { key: 'cGFzc3dvcmQ=!!' } },
      })
      .then(
        () => new Error('accepted'),
        (error: Error) => error,
      );
    expect(mangled).toMatchObject({ code: 'KUBE_INVALID', status: 400 });
    expect(mangled.message).not.toContain('cGFzc3dvcmQ');
  });

  test('names with colons', async () => {
    const signer = `${uniqueName('s')}.test/workload`;
    const name = `${signer.replace('/', ':')}:bundle`;
    const spec = { signerName: signer, trustBundle: selfSigned(scratchDirectory()).cert };
    await client.create<ClusterTrustBundle>(clusterTrustBundles, { metadata: { name }, spec });
    expect((await client.get<ClusterTrustBundle>(clusterTrustBundles, name)).spec.signerName).toBe(signer);
    await client.delete(clusterTrustBundles, name);
  });

  test('a path that the server does not serve is not the absence of an object', async () => {
    const never = { ...maps, group: 'nobody.test' };
    await expect(client.get(never, 'x', { namespace })).rejects.toMatchObject({
      code: 'KUBE_PATH_NOT_FOUND',
      status: 404,
    });
  });

  test('a merge patch leaves the rest alone, and with a resourceVersion is refused once the object changed', async () => {
    const { metadata } = await client.create<ConfigMap>(
      maps,
      configMap(namespace, 'patched', { a: '1', b: '1' }),
    );
    const target = { name: 'patched', namespace };
    const patch = {
      metadata: { resourceVersion: metadata.resourceVersion },
      data: { a: null, b: '2', c: '3' },
    };
    const patched = await client.patch<ConfigMap>(maps, target, patch);
    expect(patched.data).toEqual({ b: '2', c: '3' });
    await expect(client.patch(maps, target, patch)).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
  });

  test('a body in pieces arrives whole, and is sent again as it was', async () => {
    const text = 'x'.repeat(200_000);
    const object = configMap(namespace, 'pieces', { text });
    const json = Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...object }));
    const body = [json.subarray(0, 10), json.subarray(10, -1), Buffer.from('}')];
    const path = objectPath(maps, namespace);
    await client.request({ method: 'POST', path, body });
    expect(await client.get<ConfigMap>(maps, 'pieces', { namespace })).toMatchObject({ data: { text } });
    await expect(client.request({ method: 'POST', path, body })).rejects.toMatchObject({
      code: 'KUBE_ALREADY_EXISTS',
    });
  });

  test('lists page after page, with kind and version on each item, and only what the selector matches', async () => {
    const label = uniqueName('label');
    for (let n = 0; n < 7; n++) {
      const object = configMap(namespace, `${label}-${n}`);
      await client.create(maps, { ...object, metadata: { ...object.metadata, labels: { label } } });
    }
    const { items, resourceVersion } = await client.list<ConfigMap>(maps, {
      namespace,
      labelSelector: `label=${label}`,
      limit: 3,
    });
    expect(items).toHaveLength(7);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(7);
    expect(items[0]).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    expect(resourceVersion).toMatch(/^\d+$/);
  });

  test('metadata only', async () => {
    await client.create(maps, configMap(namespace, 'heavy', { a: 'x'.repeat(1_000) }));
    const one = await client.get(maps, 'heavy', { namespace, metadataOnly: true });
    expect(one).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'heavy' } });
    expect(one).not.toHaveProperty('data');
    const { items } = await client.list(maps, {
      namespace,
      metadataOnly: true,
      fieldSelector: 'metadata.name=heavy',
    });
    expect(items).toHaveLength(1);
    expect(items[0]).not.toHaveProperty('data');
  });

  test('of a write only the metadata comes back, when no more is asked for', async () => {
    const created = await client.create<ConfigMap>(maps, configMap(namespace, 'written'));
    const put = { ...created, data: { a: '1' } };
    const written = await client.update(maps, put, { metadataOnly: true });
    const before = await client.get(namespaces, namespace);
    const reported = await client.updateStatus(namespaces, before, { metadataOnly: true });
    for (const one of [written, reported]) {
      expect(one.kind).toBe('PartialObjectMetadata');
      expect(Object.keys(one).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
    }
    const stands = await client.get<ConfigMap>(maps, 'written', { namespace });
    expect(stands).toMatchObject({
      data: { a: '1' },
      metadata: { resourceVersion: written.metadata.resourceVersion },
    });
  });

  test("the server's time comes with every answer", async () => {
    const path = '/version';
    const { serverTime, status } = await client.request({ method: 'GET', path });
    expect(status).toBe(200);
    expect(Number.isInteger(serverTime)).toBe(true);
    expect(client.serverTime()).toBeGreaterThanOrEqual(serverTime ?? Infinity);
    const listed = await client.list(maps, { namespace });
    const { metadata } = await client.create<ConfigMap>(maps, configMap(namespace, 'clock'));
    expect(Date.parse(metadata.creationTimestamp ?? '') / 1_000).toBeGreaterThanOrEqual(
      listed.serverTime ?? Infinity,
    );
  });

  test('a wrong token is unauthorized, a missing right forbidden', async () => {
    const { kubeconfig } = await controlPlane();
    const admin = loadCredentials({ kubeconfig });
    const as = (headers: Record<string, string>) =>
      clientOf({
        credentials: {
          ...admin,
          present: async () => ({ ...(await admin.present()), headers }),
        },
      });
    const stranger = as({ Authorization: 'Bearer nobody' }).list(maps, { namespace });
    await expect(stranger).rejects.toMatchObject({ code: 'KUBE_UNAUTHORIZED', status: 401 });
    const { headers } = await admin.present();
    const weak = as({ ...headers, 'Impersonate-User': 'weak' }).list(maps, { namespace });
    await expect(weak).rejects.toMatchObject({ code: 'KUBE_FORBIDDEN', status: 403 });
  });

  test('an aborted call rejects with the reason of its signal', async () => {
    const reason = new Error('no longer wanted');
    await expect(client.list(maps, { namespace, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = client.list(maps, { namespace, signal: controller.signal });
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
  });

  test('a warning of the server is logged once', async () => {
    const { log, lines } = recordingLog();
    const warned = await adminClient({ log });
    for (let n = 0; n < 2; n++) {
      await warned.create(
        { group: '', version: 'v1', plural: 'endpoints', kind: 'Endpoints', namespaced: true },
        { metadata: { namespace, name: `deprecated-${n}` } },
      );
    }
    const warnings = lines.filter(({ warning }) => typeof warning === 'string');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.['warning']).toContain('deprecated');
  });
});
