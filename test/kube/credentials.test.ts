import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Credentials, loadCredentials } from '#kube/credentials.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { faultProxy, selfSigned } from './fault-proxy.ts';
import { adminClient, clientOf, configMapsResource, ownNamespace, uniqueName, until } from './lab.ts';

const serviceAccounts = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

interface Parts {
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown>;
}

/** Whom the API server takes us for. */
async function whoAmI(credentials: Credentials): Promise<string> {
  const { body } = await clientOf({ credentials }).request<{ status: { userInfo: { username: string } } }>({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  return body.status.userInfo.username;
}

describe('loadCredentials', () => {
  let plane: TestControlPlane;
  let adminName: string;
  beforeAll(async () => {
    plane = await controlPlane();
    adminName = JSON.parse(await plane.kubectl(['auth', 'whoami', '-o', 'json'])).status.userInfo.username;
  });

  function kubeconfig(parts: Parts, directory = scratchDirectory()): string {
    const path = join(directory, 'config');
    const document = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'first',
      contexts: [
        { name: 'first', context: { cluster: 'c', user: 'u', namespace: 'here' } },
        { name: 'nobody', context: { cluster: 'c', user: 'missing' } },
        { name: 'nowhere', context: { cluster: 'missing', user: 'u' } },
      ],
      clusters: [
        {
          name: 'c',
          cluster: {
            server: plane.server,
            'certificate-authority-data': Buffer.from(plane.certificateAuthority).toString('base64'),
            ...parts.cluster,
          },
        },
      ],
      users: [{ name: 'u', user: parts.user ?? { token: plane.adminToken } }],
    };
    writeFileSync(path, dump(document));
    return path;
  }

  test('a token, a token file beside the kubeconfig, an exec plug-in', async () => {
    const inline = loadCredentials({ kubeconfig: kubeconfig({}) });
    expect(await whoAmI(inline)).toBe(adminName);
    expect(inline.namespace).toBe('here');

    const directory = scratchDirectory();
    writeFileSync(join(directory, 'token'), `${plane.adminToken}\n`);
    const fromFile = loadCredentials({ kubeconfig: kubeconfig({ user: { tokenFile: 'token' } }, directory) });
    expect(await whoAmI(fromFile)).toBe(adminName);

    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: plane.adminToken },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'echo',
      args: [JSON.stringify(credential)],
    };
    expect(await whoAmI(loadCredentials({ kubeconfig: kubeconfig({ user: { exec } }) }))).toBe(adminName);
  });

  test("in a cluster: the pod's service account, whose token is read again when the kubelet renews it", async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const mount = join(scratchDirectory(), 'var/run/secrets/kubernetes.io/serviceaccount');
    const root = mount.replace('/var/run/secrets/kubernetes.io/serviceaccount', '');
    mkdirSync(mount, { recursive: true });
    writeFileSync(join(mount, 'ca.crt'), plane.certificateAuthority);
    writeFileSync(join(mount, 'namespace'), `${namespace}\n`);
    const { hostname, port } = new URL(plane.server);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };

    const project = async (name: string) => {
      await admin.create(serviceAccounts, { metadata: { namespace, name } });
      const { body } = await admin.request<{ status: { token: string } }>({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { expirationSeconds: 600 },
        },
      });
      writeFileSync(join(mount, 'token'), body.status.token);
    };
    await project('one');
    const credentials = loadCredentials({ inCluster: true, root, env, rereadMs: 0 });
    expect(credentials.namespace).toBe(namespace);
    expect(await whoAmI(credentials)).toBe(`system:serviceaccount:${namespace}:one`);
    await project('two');
    expect(await whoAmI(credentials)).toBe(`system:serviceaccount:${namespace}:two`);
    // In the middle of a rotation the last good one stays in use.
    rmSync(join(mount, 'token'));
    expect(await whoAmI(credentials)).toBe(`system:serviceaccount:${namespace}:two`);
  });

  test('files are not read again for every request', async () => {
    let now = 0;
    const directory = scratchDirectory();
    const token = join(directory, 'token');
    writeFileSync(token, 'one');
    const path = kubeconfig({ user: { tokenFile: token } }, directory);
    const clock = { wall: () => now, monotonic: () => now };
    const credentials = loadCredentials({ kubeconfig: path, clock, rereadMs: 5_000 });
    const bearer = async () => (await credentials.present()).headers['Authorization'];
    expect(await bearer()).toBe('Bearer one');
    writeFileSync(token, 'two');
    now = 4_999;
    expect(await bearer()).toBe('Bearer one');
    now = 5_000;
    expect(await bearer()).toBe('Bearer two');
    writeFileSync(token, 'three');
    credentials.invalidate();
    expect(await bearer()).toBe('Bearer three');
  });

  test('a kubeconfig that is written anew is taken up, and a broken one is not', async () => {
    const directory = scratchDirectory();
    const path = kubeconfig({ user: { token: 'one' } }, directory);
    const credentials = loadCredentials({ kubeconfig: path, rereadMs: 0 });
    const bearer = async () => (await credentials.present()).headers['Authorization'];
    expect(await bearer()).toBe('Bearer one');
    kubeconfig({ user: { token: 'two' } }, directory);
    expect(await bearer()).toBe('Bearer two');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 60));
    expect(await bearer()).toBe('Bearer two');
  });

  test('a refused token is read again before the request is given up', async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const proxy = await faultProxy();
    proxy.writeKubeconfig({ tokenFile: 'token' });
    const token = join(proxy.directory, 'token');
    writeFileSync(token, 'stale');
    const client = clientOf({
      credentials: loadCredentials({ kubeconfig: proxy.kubeconfig, rereadMs: 3_600_000 }),
    });
    await expect(client.list(configMapsResource, { namespace })).rejects.toMatchObject({
      code: 'KUBE_UNAUTHORIZED',
    });
    expect(proxy.seen).toHaveLength(2);
    writeFileSync(token, plane.adminToken);
    await client.list(configMapsResource, { namespace });
  });

  test('a rotated authority is taken up on new connections, and no request goes to a server of another', async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const proxy = await faultProxy();
    const client = clientOf({ credentials: proxy.credentials });
    await client.list(configMapsResource, { namespace });
    proxy.renewCertificate();
    await client.list(configMapsResource, { namespace });
    expect(proxy.protocols).toHaveLength(2);
    writeFileSync(join(proxy.directory, 'tls.crt'), plane.certificateAuthority);
    const refused = client.list(configMapsResource, { namespace });
    await expect(refused).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    expect(proxy.seen).toHaveLength(2);
  });

  test('what is under way when the authority changes is finished', async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const proxy = await faultProxy();
    const client = clientOf({ credentials: proxy.credentials });
    const held: (() => void)[] = [];
    proxy.setFault((_request, _response, forward) => held.push(forward));
    const first = client.list(configMapsResource, { namespace });
    await until(() => held.length === 1);
    proxy.setFault(undefined);
    proxy.renewCertificate();
    await client.list(configMapsResource, { namespace });
    held[0]?.();
    await first;
    expect(proxy.seen).toHaveLength(2);
  });

  test('a client certificate is shown, and the next one once its file was renewed', async () => {
    const proxy = await faultProxy();
    selfSigned(proxy.directory, 'client');
    proxy.writeKubeconfig({
      'client-certificate': 'client.crt',
      'client-key': 'client.key',
      token: plane.adminToken,
    });
    const client = clientOf({ credentials: proxy.credentials });
    const ask = () => client.request({ method: 'GET', path: '/version' });
    await ask();
    await ask();
    selfSigned(proxy.directory, 'renewed');
    renameSync(join(proxy.directory, 'renewed.key'), join(proxy.directory, 'client.key'));
    // Read in the middle of the rotation: the new key and the old certificate.
    await expect(client.list(configMapsResource)).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    renameSync(join(proxy.directory, 'renewed.crt'), join(proxy.directory, 'client.crt'));
    await ask();
    expect(proxy.clients).toEqual(['client', 'renewed']);
  });

  test('a proxy-url is tunnelled through', async () => {
    const tunnels: (string | undefined)[] = [];
    const tunnel = createServer().on('connect', ({ url }, socket) => {
      tunnels.push(url);
      const { hostname, port } = new URL(`tcp://${url}`);
      const onward = connect(Number(port), hostname, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
      onward.pipe(socket).pipe(onward);
    });
    await new Promise<void>((resolve) => tunnel.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void tunnel.close());
    const { port } = tunnel.address() as AddressInfo;
    const cluster = { 'proxy-url': `http://127.0.0.1:${port}` };
    expect(await whoAmI(loadCredentials({ kubeconfig: kubeconfig({ cluster }) }))).toBe(adminName);
    expect(tunnels).toEqual([new URL(plane.server).host]);
  });

  test('several files of $KUBECONFIG are one, and the context can be chosen', async () => {
    const one = kubeconfig({ user: { token: 'first' } });
    const two = join(scratchDirectory(), 'config');
    const name = uniqueName('context');
    writeFileSync(
      two,
      dump({
        contexts: [{ name, context: { cluster: 'c', user: 'second' } }],
        users: [{ name: 'second', user: { token: plane.adminToken } }],
        clusters: [],
      }),
    );
    const env = { KUBECONFIG: `${one}:${two}:/does/not/exist` };
    const { headers } = await loadCredentials({ env }).present();
    expect(headers['Authorization']).toBe('Bearer first');
    expect(await whoAmI(loadCredentials({ env, context: name }))).toBe(adminName);
  });

  test.for<[string, () => Parameters<typeof loadCredentials>[0]]>([
    ['no such file', () => ({ kubeconfig: '/does/not/exist' })],
    ['no such context', () => ({ kubeconfig: kubeconfig({}), context: 'nope' })],
    ['no such user', () => ({ kubeconfig: kubeconfig({}), context: 'nobody' })],
    ['no such cluster', () => ({ kubeconfig: kubeconfig({}), context: 'nowhere' })],
    [
      'a server without TLS',
      () => ({ kubeconfig: kubeconfig({ cluster: { server: 'http://127.0.0.1:1' } }) }),
    ],
    [
      'a SOCKS proxy',
      () => ({ kubeconfig: kubeconfig({ cluster: { 'proxy-url': 'socks5://127.0.0.1:1' } }) }),
    ],
    ['not in a cluster', () => ({ inCluster: true, env: {} })],
  ])('%s is a mistake of the configuration', ([, options]) => {
    expect(() => loadCredentials(options())).toThrow(
      expect.objectContaining({ code: 'KUBE_CONFIG_INVALID' }),
    );
  });

  test('a kubeconfig that is no YAML is refused without a picture of its lines', () => {
    const path = join(scratchDirectory(), 'config');
    writeFileSync(path, 'users:\n- user:\n    token: secret-token\n  : [');
    const error = (() => {
      try {
        return loadCredentials({ kubeconfig: path });
      } catch (error) {
        return error;
      }
    })();
    expect(error).toMatchObject({ code: 'KUBE_CONFIG_INVALID' });
    expect(error).not.toHaveProperty('cause');
    expect(String(error)).not.toContain('secret-token');
  });
});
