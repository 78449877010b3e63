import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { pause } from '#kube/clock.ts';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import { customResourceDefinitions as definitions, type Resource } from '#kube/resource.ts';
import { type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';
import { configMap, configMapsResource as maps, uniqueName, until } from './lab.ts';
import { serverLab } from './server-lab.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { treeKind } from './tree-kind.ts';

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true };
const roles: Resource = { ...rbac, plural: 'clusterroles', kind: 'ClusterRole', namespaced: false };
const bindings: Resource = { ...rbac, plural: 'rolebindings', kind: 'RoleBinding' };
const flowControl = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', namespaced: false };
const levels: Resource = {
  ...flowControl,
  plural: 'prioritylevelconfigurations',
  kind: 'PriorityLevelConfiguration',
};
const schemas: Resource = { ...flowControl, plural: 'flowschemas', kind: 'FlowSchema' };
type Json = AnyObject & Readonly<Record<string, unknown>>;

const token = uniqueName('token');
const user = 'watcher';

describe('whatever an administrator does, no event is lost', { timeout: 60_000 }, () => {
  let plane: OwnControlPlane;
  beforeAll(async () => {
    plane = await ownControlPlane([{ name: 'own', users: [{ token, name: user, groups: [] }] }]);
  });
  afterAll(() => plane.stop());

  /** The right of the user to read and write ConfigMaps in one namespace. */
  async function allow(admin: KubeClient, namespace: string): Promise<void> {
    const name = uniqueName('maps');
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }];
    await admin.create<Json>(roles, { metadata: { name }, rules });
    const roleRef = { apiGroup: rbac.group, kind: 'ClusterRole', name };
    const subjects = [{ kind: 'User', name: user, apiGroup: rbac.group }];
    await admin.create<Json>(bindings, { metadata: { namespace, name: 'maps' }, roleRef, subjects });
  }

  test('rights that are taken away and given back', async () => {
    const { admin, namespace, network, watch, write } = await serverLab(plane, { token });
    await allow(admin, namespace);
    const witness = watch();
    const writer = write();
    await writer.wrote(10);
    await witness.reflector.synced;
    await admin.delete(bindings, 'maps', { namespace });
    // What is open stays open: the server asks for rights when a watch begins.
    await reopen(network, () => witness.failures.includes('KUBE_FORBIDDEN'));
    await writer.wrote(20);
    const told = witness.lines.find(({ code }) => code === 'KUBE_FORBIDDEN');
    expect(told?.['error']).toContain(`User "${user}" cannot watch resource "configmaps"`);
    expect(witness.state()).toBe('failing');
    await writer.stop();
    await allow(admin, namespace);
    await witness.agreement();
    expect(witness.lines.at(-1)).toMatchObject({ msg: 'the watch stands again' });
  });

  test('a kind that disappears with its objects, and comes back', async () => {
    const { resource, definition } = treeKind();
    const { admin, watch } = await serverLab(plane, { resource });
    const witness = watch();
    const plant = async (name: string, text: string) => {
      await until(() =>
        admin.create<ConfigMap>(resource, { metadata: { name }, data: { text } }).then(
          () => true,
          () => false,
        ),
      );
    };
    await admin.create(definitions, definition);
    await plant('oak', 'old');
    await plant('elm', 'old');
    await witness.agreement();
    const missed = () => witness.failures.filter((code) => code === 'KUBE_PATH_NOT_FOUND').length;
    const said = () => witness.lines.filter(({ msg }) => msg === 'the resource is not served').length;
    const before = { missed: missed(), said: said() };
    await admin.delete(definitions, definition.metadata.name);
    await until(() => missed() >= before.missed + 5);
    // Once, however often it is looked for.
    expect(said()).toBe(before.said + 1);
    await until(() =>
      admin.create(definitions, definition).then(
        () => true,
        () => false,
      ),
    );
    await plant('oak', 'new');
    await witness.agreement();
  });

  test('priority and fairness turns requests away: they come back a few times, apart from each other, and nothing is lost', async () => {
    const { admin, client, namespace, watch, write } = await serverLab(plane, { token });
    await allow(admin, namespace);
    const witness = watch();
    const writer = write();
    await writer.wrote(10);
    await witness.reflector.synced;

    const name = uniqueName('closed');
    const limited = {
      nominalConcurrencyShares: 0,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Reject' },
    };
    await admin.create<Json>(levels, { metadata: { name }, spec: { type: 'Limited', limited } });
    const subjects = [{ kind: 'User', user: { name: user } }];
    const everything = [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
    ];
    const spec = {
      priorityLevelConfiguration: { name },
      matchingPrecedence: 10,
      rules: [{ subjects, resourceRules: everything }],
    };
    await admin.create<Json>(schemas, { metadata: { name }, spec });
    // The level has no seat of its own and borrows none: one request at a time, the others are turned away.
    const create = (n: number) =>
      client.create(maps, configMap(namespace, `busy-${n}`)).then(
        () => 'made',
        (error: { code: string }) => error.code,
      );
    const all = Array.from({ length: 40 }, (_, n) => n);
    await until(async () => {
      await Promise.all(all.map((n) => create(n + 1_000)));
      return turnedAway() > 0;
    });
    const before = turnedAway();
    const fates = await Promise.all(all.map(create));
    // Each of them comes back three times at most, later each time; one that was turned away was not carried out.
    expect(turnedAway() - before).toBeLessThanOrEqual(4 * all.length + witness.failures.length);
    for (const [n, fate] of fates.entries()) {
      const read = admin.get(maps, `busy-${n}`, { namespace });
      if (fate === 'made') await read;
      else {
        expect(fate).toBe('KUBE_TOO_MANY_REQUESTS');
        await expect(read).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
      }
    }
    // Pauses that grow and differ let most of them through where all at once were turned away.
    expect(fates.filter((fate) => fate === 'made').length).toBeGreaterThan(all.length / 2);

    await writer.stop();
    await admin.delete(schemas, name);
    await admin.delete(levels, name);
    await witness.agreement();
  });

  /** Makes the watch begin anew, now and then, until the server has heard of the change. */
  async function reopen(network: TcpProxy, holds: () => boolean): Promise<void> {
    await until(async () => {
      network.cut();
      await pause(500);
      return holds();
    });
  }

  /** Answers 429 that the server gave the user. */
  function turnedAway(): number {
    const events = readFileSync(plane.cluster.auditLog, 'utf8').trimEnd().split('\n');
    return events.filter((line) => line.includes(`"username":"${user}"`) && line.includes('"code":429'))
      .length;
  }
});
