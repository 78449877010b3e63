import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isConflict } from '#kube/error.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';
import { adminClient } from '../../kube/lab.ts';
import { heldStep } from '../support/held-step.ts';
import { apply, binding, componentRole, makeServiceAccount, role } from '../support/permissions.ts';
import { type PlacementScene, placementsOf } from '../support/placements.ts';
import { clientOf, eventually, startPublisher } from '../support/publisher.ts';
import { makeRoot } from '../support/roots.ts';
import { known, type OpenScene, openScene } from '../support/scene.ts';

let scene: OpenScene;
let placed: PlacementScene;

beforeAll(async () => {
  scene = await openScene('placement-faults', ['configmap-targets']);
  placed = placementsOf(scene);
});

afterAll(() => scene.client.close());

describe('a namespace', () => {
  it('that is going away is no target, and holds up nobody', async () => {
    const domain = 'going.faults.test';
    const names = await placed.namespaces('going-faults', 3);
    await scene.kubectl(['delete', 'namespace', 'going-faults-1', '--wait=false']);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('going-faults')]);
    await placed.untilReady(domain);
    await placed.untilTarget(domain, { namespaces: 2, holding: 2, failing: 0 });
    // One that begins to go while it holds the bundle.
    await scene.kubectl(['delete', 'namespace', 'going-faults-2', '--wait=false']);
    await placed.untilTarget(domain, { namespaces: 1, holding: 1, failing: 0 });
    await placed.untilHolds(names.slice(0, 1), root);
    await placed.untilReady(domain);
  });

  it('that refuses by quota or by policy fails alone, delays nobody, and gets the bundle once it lets', async () => {
    const domain = 'refusing.faults.test';
    const test = 'refusing-faults';
    const names = await placed.namespaces(test, 6);
    await placed.namespace(`${test}-0`, { test, deny: test });
    await forbidByQuota(`${test}-1`);
    await forbidByPolicy(test);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target(test)]);
    await placed.untilHolds(names.slice(2), root);
    const status = await placed.untilTarget(domain, { namespaces: 6, holding: 4, failing: 2 });
    expect(status?.failures).toEqual([
      { namespace: `${test}-0`, error: expect.stringMatching(/no roots here.*BUNDLE_TARGET_REJECTED/s) },
      { namespace: `${test}-1`, error: expect.stringMatching(/exceeded quota.*BUNDLE_TARGET_REJECTED/s) },
    ]);
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilHolds(names.slice(2), root, next);
    await scene.kubectl(['delete', 'resourcequota', 'none', '-n', `${test}-1`]);
    await scene.kubectl(['delete', 'validatingadmissionpolicybinding', test]);
    await placed.untilHolds(names, root, next);
    await placed.untilReady(domain);
  });

  it('that appears, or gets the label, during a wave gets the bundle; one that loses the label keeps it', async () => {
    const domain = 'coming.faults.test';
    const test = 'coming-faults';
    const names = await placed.namespaces(test, 30);
    await placed.namespace('coming-later');
    const write = heldStep('place/write');
    const publisher = placed.start([domain], { step: write.step });
    const root = await placed.bundle(publisher, domain, [placed.target(test)]);
    await write.reached;
    await placed.namespace('coming-new', { test });
    await scene.kubectl(['label', 'namespace', 'coming-later', `test=${test}`]);
    // Both are seen while nothing is written yet.
    await placed.untilTarget(domain, { namespaces: 32, holding: 0 });
    write.open();
    await placed.untilHolds([...names, 'coming-new', 'coming-later'], root);
    await placed.untilTarget(domain, { namespaces: 32, holding: 32 });
    await scene.kubectl(['label', 'namespace', 'coming-new', 'test-']);
    await placed.untilTarget(domain, { namespaces: 31, holding: 31 });
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilHolds([...names, 'coming-later'], root, next);
    await placed.untilHolds(['coming-new'], root);
  });
});

describe('a selector', () => {
  it('that matches nothing is no fault, and publishes where something matches later', async () => {
    const domain = 'nowhere.faults.test';
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('nowhere-faults')]);
    await placed.untilTarget(domain, { namespaces: 0, holding: 0, failing: 0 });
    await placed.untilReady(domain);
    await placed.namespaces('nowhere-faults', 1);
    await placed.untilHolds(['nowhere-faults-0'], root);
    await placed.untilTarget(domain, { namespaces: 1, holding: 1 });
  });

  it('leaves out the namespace of the product, whatever its labels', async () => {
    const domain = 'all.faults.test';
    await placed.namespaces('all-faults', 2);
    const publisher = placed.start([domain], { namespace: 'all-faults-1' });
    await placed.bundle(publisher, domain, [placed.target('all-faults')]);
    await placed.untilReady(domain);
    expect(await placed.configMap('all-faults-0')).toBeDefined();
    await expect(placed.configMap('all-faults-1')).rejects.toMatchObject({
      code: 'KUBE_NOT_FOUND',
    });
  });
});

describe('somebody who writes the same objects all the time', () => {
  it('loses nothing, and does not keep the bundle from them', async () => {
    const domain = 'storm.faults.test';
    const names = await placed.namespaces('storm-faults', 2);
    const publisher = placed.start([domain]);
    const root = await placed.bundle(publisher, domain, [placed.target('storm-faults')]);
    await placed.untilReady(domain);
    const other = await adminClient();
    const calm = new AbortController();
    let written = 0;
    const storm = (async () => {
      while (!calm.signal.aborted) {
        const object = await other.get<ConfigMap>(configMaps, 'roots', { namespace: 'storm-faults-0' });
        const data = { ...object.data, theirs: String(written + 1) };
        await other.update(configMaps, { ...object, data }).then(
          () => (written += 1),
          (error: unknown) => {
            if (!isConflict(error)) throw error;
          },
        );
        await sleep(2);
      }
    })();
    await eventually(async () => written > 20);
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilHolds(names, root, next);
    calm.abort();
    await storm;
    await placed.untilReady(domain);
    expect((await placed.configMap('storm-faults-0')).data).toMatchObject({ theirs: String(written) });
  });
});

describe('rights', () => {
  it('that are missing, taken away and given back: the status says so, and the bundle arrives', async () => {
    const domain = 'rights.faults.test';
    const names = await placed.namespaces('rights-faults', 3);
    const account = { namespace: 'placement-rights' };
    const component = componentRole('configmap-targets').metadata.name;
    const token = await makeServiceAccount(scene.kubectl, account.namespace, [role.metadata.name]);
    const poor = clientOf(scene.server, token);
    const publisher = startPublisher(poor, { handles: ({ spec }) => spec.trustDomain === domain });
    const root = await placed.bundle(publisher, domain, [placed.target('rights-faults')]);
    const bundle = await scene.untilCondition(domain, 'Published', { reason: 'TargetForbidden' });
    expect(bundle.status?.targets?.[0]?.error).toContain('manifests/components');
    await apply(scene.kubectl, binding(component, account));
    await placed.untilHolds(names, root);
    await placed.untilReady(domain);
    await scene.kubectl(['delete', 'clusterrolebinding', `${component}-${account.namespace}`]);
    await sleep(500);
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilTarget(domain, { namespaces: 3, failing: 3 });
    await apply(scene.kubectl, binding(component, account));
    await placed.untilHolds(names, root, next);
    await placed.untilReady(domain);
    await publisher.stop();
    poor.close();
  });
});

describe('what every namespace was refused for', () => {
  it('is over for all of them as soon as it is for one, whatever their own delay', async () => {
    const domain = 'together.faults.test';
    const names = await placed.namespaces('together-faults', 24);
    const account = { namespace: 'placement-together' };
    const component = componentRole('configmap-targets').metadata.name;
    const roles = [role.metadata.name, component];
    const poor = clientOf(scene.server, await makeServiceAccount(scene.kubectl, account.namespace, roles));
    const written: number[] = [];
    const publisher = startPublisher(poor, {
      handles: ({ spec }) => spec.trustDomain === domain,
      observer: {
        published: (_bundle, _target, outcome) => outcome === 'written' && written.push(performance.now()),
      },
    });
    const root = await placed.bundle(publisher, domain, [placed.target('together-faults')]);
    await placed.untilReady(domain);
    await scene.kubectl(['delete', 'clusterrolebinding', `${component}-${account.namespace}`]);
    await sleep(500);
    written.length = 0;
    const next = await makeRoot();
    publisher.setAuthority(domain, known(domain, root, next));
    await placed.untilTarget(domain, { failing: 24 });
    // By now they wait for seconds, each as long as chance has it.
    await sleep(6_000);
    await apply(scene.kubectl, binding(component, account));
    await placed.untilHolds(names, root, next);
    expect(Math.max(...written) - Math.min(...written)).toBeLessThan(1_000);
    await publisher.stop();
    poor.close();
  });
});

async function forbidByQuota(namespace: string): Promise<void> {
  const hard = { 'count/configmaps': '0' };
  const quota = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'none', namespace },
    spec: { hard },
  };
  await apply(scene.kubectl, quota);
  // There is no controller-manager, which would fill it in.
  const status = { hard, used: { 'count/configmaps': '0' } };
  const args = [
    'patch',
    'resourcequota',
    'none',
    '-n',
    namespace,
    '--subresource=status',
    '--type=merge',
    '-p',
  ];
  await scene.kubectl([...args, JSON.stringify({ status })]);
}

async function forbidByPolicy(name: string): Promise<void> {
  const rule = {
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['configmaps'],
    operations: ['CREATE', 'UPDATE'],
  };
  const group = 'admissionregistration.k8s.io/v1';
  await apply(
    scene.kubectl,
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: 'false', message: 'no roots here' }],
      },
    },
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { deny: name } } },
      },
    },
  );
  // It takes a moment until the API server goes by it.
  await eventually(async () => {
    const probe = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'probe', namespace: `${name}-0` },
    };
    const denied = await scene
      .kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(probe) })
      .catch((error: unknown) => String(error));
    return denied.includes('no roots here');
  });
}
