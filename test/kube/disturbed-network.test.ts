import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadCredentials } from '#kube/credentials.ts';
import type { ConfigMap } from '#kube/object.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { adminClient, clientOf, configMap, configMapsResource as maps, ownNamespace, until } from './lab.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { startWitness, startWriter } from './witness.ts';

describe('over a network that fails, no event is lost', { timeout: 120_000 }, () => {
  let plane: TestControlPlane;
  beforeAll(async () => {
    plane = await controlPlane();
  });

  /** A namespace that somebody writes to all the time, and a witness of it behind a network that can be disturbed. */
  async function setUp() {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const network = await tcpProxy(plane.server);
    const kubeconfig = join(scratchDirectory(), 'kubeconfig');
    const { certificateAuthority, adminToken } = plane;
    const user = { token: adminToken };
    writeFileSync(
      kubeconfig,
      kubeconfigYaml([{ name: 'way', server: network.url, certificateAuthority, user }]),
    );
    const client = clientOf({ credentials: loadCredentials({ kubeconfig }), timeoutMs: 2_000 });
    const witness = startWitness({ client, direct: () => admin, namespace });
    await witness.reflector.synced;
    const writer = startWriter(admin, namespace);
    await writer.wrote(5);
    return { admin, client, namespace, network, witness, writer };
  }

  test('connections that are cut, again and again', async () => {
    const { network, witness, writer } = await setUp();
    for (let n = 1; n <= 10; n++) {
      network.cut();
      await until(() => witness.failures.length >= n && witness.state() === 'watching');
      await writer.wrote(3);
    }
    await writer.stop();
    await witness.agreement();
    expect(new Set(witness.failures)).toEqual(new Set(['KUBE_UNAVAILABLE']));
    // From where it was: nothing was listed again for that.
    expect(witness.lists).toHaveLength(1);
    const words = witness.lines.map(({ msg }) => msg);
    expect(words.filter((word) => word === 'list or watch failed').length).toBeGreaterThanOrEqual(10);
    expect(words).toContain('the watch stands again');
  });

  test('a network that stands still: the watch is given up for its silence and made again', async () => {
    const { network, witness, writer } = await setUp();
    network.freeze();
    await until(() => witness.failures.length > 0);
    expect(witness.failures[0]).toBe('KUBE_TIMEOUT');
    expect(witness.lines.find(({ code }) => code === 'KUBE_TIMEOUT')?.['error']).toContain('not a byte');
    await writer.wrote(20);
    await writer.stop();
    network.heal();
    await witness.agreement();
  });

  test('a network that carries questions and no answers', async () => {
    const { admin, client, namespace, network, witness, writer } = await setUp();
    network.loseAnswers();
    await until(() => witness.failures.length > 0);
    await writer.wrote(20);
    await writer.stop();
    network.heal();
    await witness.agreement();

    // On a connection that stands already, so that the question arrives.
    await client.list(maps, { namespace });
    network.loseAnswers();
    const created = client.create(maps, configMap(namespace, 'lost', { text: '1' }));
    await expect(created).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
    network.heal();
    const found = await admin.get<ConfigMap>(maps, 'lost', { namespace });
    expect(found.data).toEqual({ text: '1' });
    await witness.agreement();
  });

  test('a write whose question never arrived is not known to have failed either', async () => {
    const { admin, client, namespace, network, writer } = await setUp();
    await writer.stop();
    await client.list(maps, { namespace });
    network.freeze();
    const created = client.create(maps, configMap(namespace, 'held', { text: '1' }));
    await expect(created).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
    const read = () => admin.get<ConfigMap>(maps, 'held', { namespace });
    await expect(read()).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    // It was only held up, and comes after all: whoever had taken the silence for a no would be wrong now.
    network.heal();
    await until(() =>
      read().then(
        () => true,
        () => false,
      ),
    );
  });

  test('a network that is slow', async () => {
    const { network, witness, writer } = await setUp();
    network.delay(100);
    await writer.wrote(20);
    network.cut();
    await writer.wrote(10);
    await writer.stop();
    await witness.agreement();
  });
});
