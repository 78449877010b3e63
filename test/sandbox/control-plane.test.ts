import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '#sandbox/api-server.ts';
import { groupIsAlive } from '#sandbox/child.ts';
import { binaries, kubectlFor, type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';

let own: OwnControlPlane;

beforeAll(async () => {
  own = await ownControlPlane([
    { name: 'east', users: [{ token: 'node-token', name: 'system:node:n1', groups: ['system:nodes'] }] },
    { name: 'west' },
  ]);
});
afterAll(() => own?.stop());

function cluster(name: string): ApiServer {
  const found = own.clusters.find((cluster) => cluster.name === name);
  if (found === undefined) throw new Error(`no cluster ${name}`);
  return found;
}

const node = (name: string) => ({
  input: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } }),
});

test('two clusters share one etcd and do not see each other’s objects', async () => {
  const [east, west] = [kubectlFor(cluster('east')), kubectlFor(cluster('west'))];
  await east(['create', 'namespace', 'only-in-east']);
  expect(await east(['get', 'namespaces', '-o', 'name'])).toContain('namespace/only-in-east');
  expect(await west(['get', 'namespaces', '-o', 'name'])).not.toContain('only-in-east');
});

test('every address is on the loopback interface', () => {
  for (const url of [own.etcd.url, ...own.clusters.map((cluster) => cluster.url)]) {
    expect(new URL(url).hostname).toBe('127.0.0.1');
  }
});

test('a stranger may not list anything: authorization is RBAC', async () => {
  const kubectl = kubectlFor(cluster('east'));
  await expect(kubectl(['get', 'secrets', '-A', '--as=somebody'])).rejects.toThrow(/forbidden/i);
});

test('a node may not touch another node: NodeRestriction is on', async () => {
  const kubectl = kubectlFor(cluster('east'));
  const asNode = [`--token=node-token`, '--user=', 'create', '-f', '-'];
  await kubectl(asNode, node('n1'));
  await expect(kubectl(asNode, node('n2'))).rejects.toThrow(/node "n1" is not allowed to modify node "n2"/);
});

test('a token bound to a pod is real: the server names that pod in the user’s extra', async () => {
  const kubectl = kubectlFor(cluster('east'));
  await kubectl(['create', 'namespace', 'bound']);
  await kubectl(['-n', 'bound', 'create', 'serviceaccount', 'app']);
  await kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'app-0', namespace: 'bound' },
      spec: { serviceAccountName: 'app', containers: [{ name: 'app', image: 'none' }] },
    }),
  });
  const bound = ['--bound-object-kind=Pod', '--bound-object-name=app-0'];
  const token = await kubectl(['-n', 'bound', 'create', 'token', 'app', ...bound]);
  const review = JSON.parse(
    await kubectl(['create', '-o', 'json', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: token.trim() },
      }),
    }),
  );
  expect(review.status.user.username).toBe('system:serviceaccount:bound:app');
  expect(review.status.user.extra['authentication.kubernetes.io/pod-name']).toEqual(['app-0']);
});

test('the audit log says who did what', async () => {
  await kubectlFor(cluster('east'))(['create', 'namespace', 'audited']);
  const events = readFileSync(cluster('east').auditLog, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const creation = events.find((event) => event.verb === 'create' && event.objectRef?.name === 'audited');
  expect(creation.user).toMatchObject({
    username: 'east-admin',
    groups: expect.arrayContaining(['system:masters']),
  });
  expect(creation.responseStatus.code).toBe(201);
});

test('a server restarted without ClusterTrustBundles keeps its address and its objects', async () => {
  const west = cluster('west');
  const kubectl = kubectlFor(west);
  await kubectl(['create', 'namespace', 'kept']);
  await west.restart({ runtimeConfig: { 'certificates.k8s.io/v1/clustertrustbundles': false } });
  const without = await kubectl(['get', '--raw', '/apis/certificates.k8s.io/v1']);
  expect(without).not.toContain('clustertrustbundles');
  expect(without).toContain('certificatesigningrequests');
  expect(await kubectl(['get', 'namespaces', '-o', 'name'])).toContain('namespace/kept');

  await west.restart();
  expect(await kubectl(['get', '--raw', '/apis/certificates.k8s.io/v1'])).toContain('clustertrustbundles');
});

test('a server that cannot start is reported with the name and the last lines of its log', async () => {
  const start = ownControlPlane([{ name: 'broken', features: { featureGates: { NoSuchGate: true } } }]);
  await expect(start).rejects.toMatchObject({
    code: 'SANDBOX_START_FAILED',
    message: expect.stringMatching(/kube-apiserver\.log ends with:[^]*unrecognized feature gate: NoSuchGate/),
  });
});

test('stopping leaves no process and no open port', async () => {
  const short = await ownControlPlane([{ name: 'short' }]);
  const groups = [short.etcd.child.group, short.cluster.child().group];
  expect(groups.map(groupIsAlive)).toEqual([true, true]);
  await short.stop();
  expect(groups.map(groupIsAlive)).toEqual([false, false]);
  await Promise.all([short.etcd.url, short.cluster.url].map(expectRefused));
});

async function expectRefused(url: string): Promise<void> {
  const { port } = new URL(url);
  const failure = new Promise((resolve) => {
    createConnection(Number(port), '127.0.0.1').once('error', resolve).once('connect', resolve);
  });
  expect(await failure).toMatchObject({ code: 'ECONNREFUSED' });
}

test('the binaries are of the pinned release', async () => {
  const { gitVersion } = JSON.parse(await kubectlFor(cluster('east'))(['get', '--raw', '/version']));
  expect(gitVersion).toMatch(/^v1\.37\.\d+$/);
  expect(binaries().directory).not.toBe('');
});
