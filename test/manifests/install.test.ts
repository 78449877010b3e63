import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorMessage } from '#errors/error.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { run } from '#sandbox/run.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';
import { allowed } from './access.ts';
import { built, find, root } from './installation.ts';

/** A server of its own: it is installed on as a whole, which other tests must not find done. */
let own: OwnControlPlane;
let kubectl: Kubectl;
/** With the token of the shipped service account and no other right. */
let asMangrove: Kubectl;

beforeAll(async () => {
  own = await ownControlPlane();
  kubectl = kubectlFor(own.cluster);
  await kubectl(['apply', '-k', `${root}/manifests`]);
  const token = (await kubectl(['create', 'token', 'mangrove', '--namespace=mangrove-system'])).trim();
  asMangrove = (args, options) => kubectl([`--token=${token}`, ...args], options);
});
afterAll(() => own?.stop());

/** The refusal of the API server, or what kubectl printed. */
async function attempt(how: Kubectl, args: readonly string[], object?: object): Promise<string> {
  return how(args, { input: JSON.stringify(object) }).catch(errorMessage);
}

describe('the whole of manifests/', () => {
  test('can be applied again, and then nothing is made anew', async () => {
    const lines = (await kubectl(['apply', '-k', `${root}/manifests`])).trim().split('\n');
    expect(lines).toHaveLength((await built()).length);
    for (const line of lines) expect(line).toMatch(/ (unchanged|configured)$/);
    expect(await attempt(kubectl, ['diff', '-k', `${root}/manifests`])).toBe('');
  });

  test('can be applied by the server, as docs/install.md says, twice', async () => {
    const serverSide = ['apply', '--server-side', '--force-conflicts', '-k', `${root}/manifests`];
    await kubectl(serverSide);
    await kubectl(serverSide.filter((argument) => argument !== '--force-conflicts'));
  });

  test('makes nothing that asks for a decision: no authority, and no right to ask for certificates', async () => {
    expect(await kubectl(['get', 'certificateauthorities,trustbundles', '-o', 'name'])).toBe('');
    const bindings = await kubectl(['get', 'clusterrolebindings,rolebindings', '-A', '-o', 'json']);
    expect(bindings).toContain('"name": "mangrove"');
    expect(bindings).not.toContain('mangrove-requester');
  });

  test('the example is accepted, and its columns say what there is', async () => {
    await kubectl(['apply', '-f', `${root}/manifests/examples`]);
    const [head, row] = (await kubectl(['get', 'certificateauthorities'])).trimEnd().split('\n');
    expect(head?.split(/ {2,}/)).toEqual([
      'NAME',
      'READY',
      'REASON',
      'TRUST DOMAIN',
      'ACTIVE',
      'NOT AFTER',
      'AGE',
    ]);
    expect(row).toMatch(/^mesh +cluster\.local +\d+s$/);
    await kubectl(['delete', 'certificateauthority', 'mesh']);
  });
});

test('the columns tell an operator at a glance who is ready, under which generation and until when', async () => {
  await kubectl(['apply', '-f', `${root}/manifests/examples`]);
  const time = '2026-11-22T20:00:00Z';
  const authority = (generation: number, phase: string, notAfter: string) => ({
    generation,
    id: `0${generation}`.repeat(10),
    phase,
    secretName: `mesh-authority-${generation}`,
    notBefore: time,
    notAfter,
    sha256: 'ab'.repeat(32),
    createdAt: time,
  });
  const status = {
    observedGeneration: 1,
    authorities: [
      authority(1, 'Draining', '2027-01-01T00:00:00Z'),
      authority(2, 'Active', '2027-11-22T20:00:00Z'),
    ],
    activeAuthority: '02'.repeat(10),
    conditions: [{ type: 'Ready', status: 'True', reason: 'Active', message: '', lastTransitionTime: time }],
  };
  const patch = ['patch', 'certificateauthority', 'mesh', '--subresource=status', '--type=merge', '-p'];
  await kubectl([...patch, JSON.stringify({ status })]);
  const row = (await kubectl(['get', 'mca', 'mesh', '--no-headers', '-o', 'wide'])).trim().split(/ {2,}/);
  expect(row.toSpliced(6, 1)).toEqual([
    'mesh',
    'True',
    'Active',
    'cluster.local',
    '2',
    '2027-11-22T20:00:00Z',
    '02'.repeat(10),
    '["mangrove.dev/workload"]',
  ]);
  await kubectl(['delete', 'certificateauthority', 'mesh']);
});

const csr = 'certificatesigningrequests.certificates.k8s.io';
const crds = 'customresourcedefinitions.apiextensions.k8s.io';
const signers = 'signers.certificates.k8s.io';
const bundles = 'clustertrustbundles.certificates.k8s.io';

describe('the service account', () => {
  test('may do what it must', async () => {
    const rights = [
      ...['get', 'list', 'watch'].flatMap((verb) => [
        `${verb} ${csr}`,
        `${verb} ${bundles}`,
        `${verb} pods`,
        `${verb} nodes`,
        `${verb} serviceaccounts`,
        `${verb} certificateauthorities.mangrove.dev`,
        `${verb} trustbundles.mangrove.dev`,
        `${verb} secrets in mangrove-system`,
        `${verb} secrets in mangrove-trust`,
        `${verb} configmaps in mangrove-trust`,
        `${verb} leases.coordination.k8s.io in mangrove-system`,
      ]),
      `get ${crds} certificateauthorities.mangrove.dev`,
      `get ${crds} trustbundles.mangrove.dev`,
      `update ${csr}/status`,
      `sign ${signers} mangrove.dev/workload`,
      `attest ${signers} mangrove.dev/workload`,
      `create ${bundles}`,
      `update ${bundles}`,
      'create trustbundles.mangrove.dev',
      'update trustbundles.mangrove.dev/status',
      'update certificateauthorities.mangrove.dev/status',
      'create secrets in mangrove-system',
      'patch secrets in mangrove-system',
      'create leases.coordination.k8s.io in mangrove-system',
      'update leases.coordination.k8s.io in mangrove-system',
      'create events in mangrove-system',
      'create events in default',
      'patch events in default',
    ];
    expect(await allowed(asMangrove, rights)).toEqual(rights);
  });

  test('may do nothing that it need not', async () => {
    const rights = [
      `sign ${signers} mangrove.dev/other`,
      `sign ${signers} mangrove.dev/*`,
      `sign ${signers} kubernetes.io/kube-apiserver-client`,
      `attest ${signers} peers.mangrove.dev/other.test`,
      `approve ${signers} mangrove.dev/workload`,
      `update ${csr}/approval`,
      `create ${csr}`,
      `delete ${csr}`,
      `delete ${bundles}`,
      `get ${crds} other.example.com`,
      `list ${crds}`,
      `update ${crds} trustbundles.mangrove.dev`,
      'update certificateauthorities.mangrove.dev',
      'create certificateauthorities.mangrove.dev',
      'delete trustbundles.mangrove.dev',
      'get secrets in default',
      'get secrets in kube-system',
      'get secrets in mangrove-peers',
      'create secrets in mangrove-trust',
      'update configmaps in mangrove-trust',
      'delete configmaps in mangrove-trust',
      'list secrets',
      'delete secrets in mangrove-system',
      'update secrets in mangrove-system',
      'delete leases.coordination.k8s.io in mangrove-system',
      'update leases.coordination.k8s.io in kube-system',
      'create events in kube-system',
      'create pods in mangrove-system',
      'create pods/exec in mangrove-system',
      'create serviceaccounts/token in mangrove-system',
      'get configmaps in mangrove-system',
      'create tokenreviews.authentication.k8s.io',
      'impersonate users',
      'escalate clusterroles.rbac.authorization.k8s.io',
      'bind clusterroles.rbac.authorization.k8s.io',
    ];
    expect(await allowed(asMangrove, rights)).toEqual([]);
    // The questions are understood: an administrator may all of it.
    expect(await allowed(kubectl, rights)).toEqual(rights);
  });

  test('writes a bundle under its own signer name and under no other', async () => {
    const pem = await rootPem();
    const bundle = (signerName: string, name: string) => ({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name },
      spec: { signerName, trustBundle: pem },
    });
    const create = ['create', '-f', '-'];
    expect(
      await attempt(asMangrove, create, bundle('mangrove.dev/workload', 'mangrove.dev:workload:a')),
    ).toContain('created');
    const refusal = await attempt(asMangrove, create, bundle('mangrove.dev/other', 'mangrove.dev:other:a'));
    expect(refusal).toMatch(/user not permitted to attest for signerName "mangrove.dev\/other"/);
  });

  test('a requester may ask and see, and neither approve nor sign', async () => {
    await kubectl(['create', 'serviceaccount', 'app', '--namespace=default']);
    const subject = ['--clusterrole=mangrove-requester', '--serviceaccount=default:app'];
    await kubectl(['create', 'clusterrolebinding', 'app-requests', ...subject]);
    const asApp: Kubectl = (args, options) =>
      kubectl(['--as=system:serviceaccount:default:app', ...args], options);
    const may = [`create ${csr}`, `get ${csr}`, `list ${csr}`, `watch ${csr}`];
    const mayNot = [
      `update ${csr}/approval`,
      `update ${csr}/status`,
      `approve ${signers} mangrove.dev/workload`,
      `sign ${signers} mangrove.dev/workload`,
    ];
    expect(await allowed(asApp, [...may, ...mayNot])).toEqual(may);
  });
});

describe('a replica', () => {
  async function createPod(change: (pod: { spec: { containers: object[] } }) => void): Promise<string> {
    const { template } = find(await built(), 'StatefulSet').spec as {
      template: { metadata: object; spec: { containers: object[] } };
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      ...template,
      metadata: { ...template.metadata, generateName: 'mangrove-', namespace: 'mangrove-system' },
    };
    // What the StatefulSet controller adds.
    const ledger = { name: 'ledger', persistentVolumeClaim: { claimName: 'ledger-mangrove-0' } };
    const { volumes = [] } = pod.spec as { volumes?: object[] };
    const complete = { ...pod, spec: { ...pod.spec, volumes: [...volumes, ledger] } };
    change(complete);
    return attempt(kubectl, ['create', '-f', '-'], complete);
  }

  test('is a pod that the restricted standard admits', async () => {
    expect(await createPod(() => undefined)).toMatch(/^pod\/mangrove-.* created$/m);
  });

  test('and that it would refuse with any privilege more', async () => {
    const refusal = await createPod((pod) => {
      pod.spec.containers = pod.spec.containers.map((container) => ({ ...container, securityContext: {} }));
    });
    expect(refusal).toContain('violates PodSecurity "restricted:latest"');
  });
});

async function rootPem(): Promise<string> {
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=root -days 1';
  const { stdout, stderr, code } = await run('openssl', request.split(' '));
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
