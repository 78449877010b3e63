import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAll } from 'js-yaml';
import { destination } from 'pino';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import { createKubeClient, type KubeClient } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import type { AnyObject } from '#kube/object.ts';
import { certificateAuthorities } from '#kube/resource.ts';
import { type Mangrove, type MangroveOptions, startMangrove } from '#main.ts';
import { parseConfig } from '#ops/config.ts';
import type { Config } from '#ops/config-schema.ts';
import { createLogger } from '#ops/log.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { writePodToken } from '#sandbox/pod-token.ts';
import { manifests } from './shared-objects.ts';

/** A server to install on; both `controlPlane()` and a cluster of `ownControlPlane()` fit. */
export interface TestServer {
  readonly server: string;
  readonly certificateAuthority: string;
  readonly adminToken: string;
  readonly directory: string;
  readonly kubectl: Kubectl;
}

/** Mangrove for one test file: its own namespace, signer name, trust domain and CertificateAuthority, under the shipped rights. */
export interface Installation {
  readonly namespace: string;
  /** Namespace of the sources of bundles. */
  readonly sources: string;
  readonly signerName: string;
  readonly trustDomain: string;
  /** Name of the CertificateAuthority, which `createAuthority` makes. */
  readonly authority: string;
  readonly directory: string;
  readonly kubectl: Kubectl;
  /** As a user in system:masters. */
  readonly admin: KubeClient;
  createAuthority(spec?: Readonly<Record<string, unknown>>): Promise<void>;
  /** The configuration of a replica, with a token that is bound to its Pod. */
  config(ordinal?: number): Promise<Config>;
  /** Starts a replica in this process. */
  start(ordinal?: number, options?: Partial<MangroveOptions>): Promise<Mangrove>;
  /** A client with this token, as anybody else. */
  client(token: string): KubeClient;
  readyAuthority(): Promise<CertificateAuthority>;
  /** Every line that its replicas logged so far. */
  logged(): readonly Readonly<Record<string, unknown>>[];
  /** Stops every replica that was started. */
  stop(): Promise<void>;
}

/** Tries until it is true, or for half a minute. */
export async function until<T>(what: string, attempt: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const result = await attempt();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > deadline) throw new Error(`it never came: ${what}`);
    await sleep(50);
  }
}

/** @param components of manifests/components that are installed beside the base */
export async function install(server: TestServer, components: readonly string[] = []): Promise<Installation> {
  const { kubectl } = server;
  const id = `t${randomBytes(4).toString('hex')}`;
  const namespace = `${id}-system`;
  const sources = `${id}-trust`;
  const signerName = `${id}.mangrove.test/workload`;
  const trustDomain = `${id}.test`;
  const authority = `${id}-mesh`;
  const directory = join(server.directory, id);
  mkdirSync(directory);
  const running: Mangrove[] = [];
  const clients: KubeClient[] = [];

  await kubectl(['create', 'namespace', namespace]);
  await kubectl(['create', 'namespace', sources]);
  await kubectl(['apply', '--server-side', '-f', '-'], {
    input: shippedRights(id, namespace, signerName, components),
  });

  function client(token: string): KubeClient {
    const made = createKubeClient({
      credentials: loadCredentials({ kubeconfig: kubeconfigOf({ token }) }),
      log: logTo(directory),
    });
    clients.push(made);
    return made;
  }

  function kubeconfigOf(user: { readonly token: string } | { readonly tokenFile: string }): string {
    const path = join(directory, `${randomBytes(4).toString('hex')}.kubeconfig`);
    const { server: url, certificateAuthority } = server;
    writeFileSync(path, kubeconfigYaml([{ name: 'test', server: url, certificateAuthority, user }]));
    return path;
  }

  async function config(ordinal = 0): Promise<Config> {
    const pod = await podOf(kubectl, namespace, `mangrove-${ordinal}`);
    const path = join(directory, `${pod.name}.token`);
    await writePodToken({ kubectl, namespace, serviceAccount: 'mangrove', pod, path });
    const yaml = JSON.stringify({
      replica: pod.name,
      namespace,
      kubeconfig: kubeconfigOf({ tokenFile: path }),
      authorities: [authority],
      // Those of other tests on the same server.
      bundlesWithoutAuthority: 'leave',
      sources: { namespace: sources, directory: join(directory, 'sources') },
      targets: { directory: join(directory, 'targets') },
      ledger: { path: join(directory, `${pod.name}.db`) },
      http: { host: '127.0.0.1', port: 0 },
      drainSeconds: 2,
    });
    return parseConfig(yaml, { environment: {}, flags: {} });
  }

  const admin = client(server.adminToken);
  return {
    namespace,
    sources,
    signerName,
    trustDomain,
    authority,
    directory,
    kubectl,
    admin,
    config,
    client,
    async createAuthority(spec = {}) {
      const object = {
        metadata: { name: authority },
        spec: { trustDomain, signerNames: [signerName], ...spec },
      };
      await admin.create<AnyObject>(certificateAuthorities, object);
    },
    async start(ordinal = 0, options = {}) {
      const mangrove = await startMangrove({
        config: await config(ordinal),
        log: logTo(directory),
        version: 'test',
        ...options,
      });
      running.push(mangrove);
      return mangrove;
    },
    readyAuthority: () =>
      until(`${authority} is ready`, async () => {
        const object = await admin.get<CertificateAuthority>(certificateAuthorities, authority);
        return object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
          ? object
          : undefined;
      }),
    logged: () =>
      readFileSync(join(directory, logFile), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async stop() {
      await Promise.all(running.splice(0).map((mangrove) => mangrove.stop()));
      for (const each of clients) each.close();
    },
  };
}

const logFile = 'mangrove.log';

/** What a test that fails leaves behind to look at: the product's own lines, with what it hides in them. */
function logTo(directory: string) {
  const stream = destination({ dest: join(directory, logFile), sync: true });
  return createLogger({ replica: 'test', log: { level: 'debug' } }, stream);
}

async function podOf(
  kubectl: Kubectl,
  namespace: string,
  name: string,
): Promise<{ name: string; uid: string }> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { serviceAccountName: 'mangrove', containers: [{ name: 'mangrove', image: 'mangrove' }] },
  };
  await kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(pod) });
  const uid = await kubectl(['get', 'pod', name, '--namespace', namespace, '-o', 'jsonpath={.metadata.uid}']);
  return { name, uid };
}

const rightsFiles = ['service-account.yaml', 'cluster-role.yaml', 'roles.yaml'];

/** The shipped rights, word for word, for other names: what lies outside the namespace gets a name of its own. */
function shippedRights(
  id: string,
  namespace: string,
  signerName: string,
  components: readonly string[],
): string {
  const files = [
    ...rightsFiles.map((file) => join('base', file)),
    ...components.map((component) => join('components', component, 'cluster-role.yaml')),
  ];
  const objects = files
    .flatMap((file) => loadAll(readFileSync(join(manifests, file), 'utf8')))
    .map((object) => JSON.stringify(object))
    .map((text) =>
      text
        .replaceAll('mangrove-system', namespace)
        .replaceAll('mangrove-trust', `${id}-trust`)
        .replaceAll('mangrove.dev/workload', signerName),
    )
    .map((text) => apart(JSON.parse(text) as Right, id, namespace));
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

interface Right {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef?: { readonly name: string };
}

function apart(right: Right, id: string, namespace: string): Right {
  if (right.metadata.namespace === namespace) return right;
  const name = `${right.metadata.name}-${id}`;
  const roleRef =
    right.roleRef === undefined ? {} : { roleRef: { ...right.roleRef, name: `${right.roleRef.name}-${id}` } };
  return { ...right, metadata: { ...right.metadata, name }, ...roleRef };
}
