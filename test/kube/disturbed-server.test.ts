import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { watch } from '#kube/watch.ts';
import { type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';
import { configMap, configMapsResource as maps, until } from './lab.ts';
import { compact, serverLab, servingAuthority } from './server-lab.ts';

describe('while the API server is disturbed, no event is lost', { timeout: 180_000 }, () => {
  let plane: OwnControlPlane;
  beforeAll(async () => {
    plane = await ownControlPlane();
  });
  afterAll(() => plane.stop());

  test('frozen, the watch is given up and a write is unknown until it is read', async () => {
    const { client, namespace, watch, write } = await serverLab(plane);
    const witness = watch();
    const writer = write();
    await writer.wrote(5);
    const server = plane.cluster.child().group;
    onTestFinished(() => void process.kill(-server, 'SIGCONT'));
    process.kill(-server, 'SIGSTOP');
    // The signal takes a moment to reach every thread.
    const codes: (string | undefined)[] = [];
    for (let n = 0; codes.at(-1) === undefined; n++) {
      const created = client.create(maps, configMap(namespace, `frozen-${n}`, { text: '1' }));
      codes.push(await created.then(() => undefined, errorCode));
    }
    expect(codes.at(-1)).toMatch(/^KUBE_(OUTCOME_UNKNOWN|TIMEOUT)$/);
    await until(() => witness.failures.length >= 2);
    expect(new Set(witness.failures)).toEqual(new Set(['KUBE_TIMEOUT']));
    process.kill(-server, 'SIGCONT');
    await writer.wrote(20);
    await writer.stop();
    await witness.agreement();
  });

  test('killed and started again', async () => {
    const { watch, write } = await serverLab(plane);
    const witness = watch();
    const writer = write();
    await writer.wrote(10);
    process.kill(-plane.cluster.child().group, 'SIGKILL');
    await until(() => witness.failures.length >= 3);
    await plane.cluster.restart();
    await writer.wrote(20);
    await writer.stop();
    await witness.agreement();
  });

  test('etcd compacted during an outage: the version is gone, all is listed again, deletions included', async () => {
    const { admin, namespace, network, watch, write } = await serverLab(plane);
    const writer = write();
    await writer.wrote(10);
    const witness = watch();
    await witness.reflector.synced;
    await until(() => witness.state() === 'watching');
    network.freeze();
    await writer.wrote(20);
    await writer.stop();
    for (const { metadata } of (await admin.list<ConfigMap>(maps, { namespace })).items.slice(0, 5)) {
      await admin.delete(maps, metadata.name, { namespace });
    }
    await compact(plane);
    // Its memory of recent events goes with the process, and what was on the way with the connections.
    await plane.cluster.restart();
    network.cut();
    network.heal();
    await witness.agreement();
    expect(witness.failures).toContain('KUBE_GONE');
    expect(witness.lists.length).toBeGreaterThanOrEqual(2);
    expect(witness.lines.map(({ msg }) => msg)).toContain('the version is too old: all is listed again');
  });

  test('etcd compacted before a watch whose events come as protobuf: its version is gone', async () => {
    const { admin } = await serverLab(plane);
    await compact(plane);
    await plane.cluster.restart();
    for (const [resource, metadataOnly] of [
      [certificateSigningRequests, false] as const,
      [maps, true] as const,
    ]) {
      const [stop, onContact, onEvent] = [new AbortController(), () => undefined, () => undefined];
      const times = { resourceVersion: '1', timeoutSeconds: 5, livenessMs: 10_000 };
      const options = { ...times, metadataOnly, signal: stop.signal, onContact, onEvent };
      const error = await watch(admin, resource, options).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'KUBE_GONE', status: 410 });
    }
  });

  test('etcd compacted between two pages of a list', async () => {
    const { admin, client, namespace, watch } = await serverLab(plane, { limit: 3 });
    for (let n = 0; n < 8; n++) await admin.create(maps, configMap(namespace, `p-${n}`, { text: '1' }));
    const limits: (number | undefined)[] = [];
    let disturbed = false;
    const through: KubeClient = {
      ...client,
      async listPage(resource, options, next) {
        if (next !== undefined && !disturbed) {
          disturbed = true;
          await admin.delete(maps, 'p-0', { namespace });
          await admin.create(maps, configMap(namespace, 'p-9', { text: '1' }));
          await compact(plane);
          await plane.cluster.restart();
        }
        limits.push(options.limit);
        return client.listPage(resource, options, next);
      },
    };
    const witness = watch(through);
    await witness.reflector.synced;
    await witness.agreement();
    expect(witness.failures.filter((code) => code === 'KUBE_GONE')).toHaveLength(1);
    // In one piece after that, or a list that outlives every compaction would never end.
    expect(limits.slice(0, 2)).toEqual([3, 3]);
    expect(limits.at(-1)).toBe(0);
    expect(witness.lists).toEqual([8]);
  });

  test('a watch from a version that the server has not reached, as after a restored backup', async () => {
    const { admin, client, namespace, watch } = await serverLab(plane);
    await admin.create(maps, configMap(namespace, 'a', { text: '1' }));
    let lists = 0;
    const through: KubeClient = {
      ...client,
      async listPage(resource, options, next) {
        const page = await client.listPage<never>(resource, options, next);
        lists++;
        return lists > 1
          ? page
          : { ...page, resourceVersion: String(Number(page.resourceVersion) + 1_000_000) };
      },
    };
    const witness = watch(through);
    await until(() => lists >= 1);
    await admin.create(maps, configMap(namespace, 'b', { text: '1' }));
    await witness.agreement();
    // The server says nothing at all on such a watch, not even that it is wrong.
    expect(new Set(witness.failures)).toEqual(new Set(['KUBE_TIMEOUT']));
    expect(witness.lists[1]).toBe(2);
  });

  test('another certificate of another authority: refused until the CA file says so, then all is caught up', async () => {
    const { admin, client, direct, namespace, watch, way, write } = await serverLab(plane);
    const witness = watch();
    const writer = write();
    await writer.wrote(10);
    await witness.reflector.synced;
    await plane.cluster.stop();
    rmSync(join(plane.directory, plane.cluster.name, 'certificates'), { recursive: true });
    const before = way.changes.length;
    await plane.cluster.restart();
    direct.trust(servingAuthority(plane));
    await writer.wrote(10);
    await writer.stop();
    // The new server is there, but nobody told us to trust it.
    const failed = witness.failures.length;
    await until(() => witness.failures.length >= failed + 3);
    expect(witness.lines.findLast(({ code }) => code !== undefined)?.['error']).toMatch(
      /certificate|signature/,
    );
    const refused = client.create(maps, configMap(namespace, 'untrusted'));
    await expect(refused).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    way.trust(servingAuthority(plane));
    await witness.agreement();
    expect(way.changes.slice(before)).toEqual(['changed']);
    expect(way.lines).toMatchObject([{ msg: 'other credentials are in use', tls: true, identity: false }]);
    await expect(admin.get(maps, 'untrusted', { namespace })).rejects.toMatchObject({
      code: 'KUBE_NOT_FOUND',
    });
  });
});
