import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Child, startChild } from '#sandbox/child.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import { freePorts } from '#sandbox/port.ts';
import { retryOnPortCollision, untilReady } from '#sandbox/readiness.ts';

/** What a server serves beyond its defaults: the ways to make one binary behave like other releases. */
export interface ServerFeatures {
  /** `--runtime-config`, e.g. `{ 'certificates.k8s.io/v1/clustertrustbundles': false }`. */
  readonly runtimeConfig?: Readonly<Record<string, boolean>>;
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /** `--emulated-version`, e.g. `1.36`; up to three minor versions back. */
  readonly emulatedVersion?: string;
  /** `/debug/pprof`; off when not asked for. */
  readonly profiling?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** A user that a static token stands for. */
export interface StaticUser {
  readonly token: string;
  readonly name: string;
  readonly groups: readonly string[];
}

export interface ApiServer {
  readonly name: string;
  readonly url: string;
  /** PEM of the authority made for this one server. */
  readonly certificateAuthority: string;
  /** Token of a user in system:masters. */
  readonly adminToken: string;
  /** Path of a kubeconfig with that user; context and cluster bear the server's name. */
  readonly kubeconfig: string;
  /** Path of the audit log: one JSON event of level Metadata for each request that was answered. */
  readonly auditLog: string;
  readonly child: () => Child;
  stop(): Promise<void>;
  /** Stops the server if it runs and starts it again at the same address, with the same data and keys. */
  restart(features?: ServerFeatures): Promise<void>;
}

export interface ApiServerOptions {
  readonly name: string;
  /** Path of the kube-apiserver binary. */
  readonly binary: string;
  /** Directory for its keys, certificates and logs; made when it is not there. */
  readonly directory: string;
  readonly etcdUrl: string;
  readonly features?: ServerFeatures;
  readonly users?: readonly StaticUser[];
  readonly signal?: AbortSignal | undefined;
}

/** Health endpoints and the server's own requests say nothing about who did what. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', nonResourceURLs: ['/readyz*', '/livez*', '/healthz*'] },
    { level: 'None', users: ['system:apiserver'] },
    { level: 'Metadata' },
  ],
};

/** Starts a kube-apiserver as strict as a production one: RBAC, Node and NodeRestriction, real service-account keys. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const files = prepareFiles(options);
  let running = await retryOnPortCollision(files.log, async () => {
    const [port] = await freePorts(1);
    if (port === undefined) throw new Error('no free port');
    // A certificate of an earlier attempt would make its authority look like ours.
    rmSync(files.certificates, { recursive: true, force: true });
    return launch(options, files, port, options.features ?? {});
  });
  const url = `https://127.0.0.1:${running.port}`;
  const certificateAuthority = lastCertificate(readFileSync(files.servingCertificate, 'utf8'));
  const admin = { name: options.name, server: url, certificateAuthority, user: { token: files.adminToken } };
  writeFileSync(files.kubeconfig, kubeconfigYaml([admin]), { mode: 0o600 });
  return {
    name: options.name,
    url,
    certificateAuthority,
    adminToken: files.adminToken,
    kubeconfig: files.kubeconfig,
    auditLog: files.auditLog,
    child: () => running.child,
    stop: () => running.child.stop(),
    async restart(features = options.features ?? {}) {
      await running.child.stop();
      running = await launch(options, files, running.port, features);
    },
  };
}

interface ServerFiles {
  readonly certificates: string;
  readonly servingCertificate: string;
  readonly tokens: string;
  readonly adminToken: string;
  readonly signingKey: string;
  readonly verificationKey: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
  readonly log: string;
  readonly kubeconfig: string;
}

function prepareFiles({ name, directory, users = [] }: ApiServerOptions): ServerFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const certificates = join(directory, 'certificates');
  const files: ServerFiles = {
    certificates,
    servingCertificate: join(certificates, 'apiserver.crt'),
    tokens: join(directory, 'tokens.csv'),
    adminToken: randomBytes(24).toString('base64url'),
    signingKey: join(directory, 'service-account.key'),
    verificationKey: join(directory, 'service-account.pub'),
    auditPolicy: join(directory, 'audit-policy.json'),
    auditLog: join(directory, 'audit.log'),
    log: join(directory, 'kube-apiserver.log'),
    kubeconfig: join(directory, 'kubeconfig'),
  };
  const admin: StaticUser = { token: files.adminToken, name: `${name}-admin`, groups: ['system:masters'] };
  const row = (user: StaticUser) => `${user.token},${user.name},${user.name},"${user.groups.join()}"\n`;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = { mode: 0o600 };
  writeFileSync(files.tokens, [admin, ...users].map(row).join(''), secret);
  writeFileSync(files.signingKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), secret);
  writeFileSync(files.verificationKey, publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(files.auditPolicy, JSON.stringify(auditPolicy));
  return files;
}

interface Running {
  readonly child: Child;
  readonly port: number;
}

async function launch(
  options: ApiServerOptions,
  files: ServerFiles,
  port: number,
  features: ServerFeatures,
): Promise<Running> {
  rmSync(files.log, { force: true });
  const child = await startChild({
    name: `kube-apiserver ${options.name}`,
    command: options.binary,
    args: [...serverFlags(options, files, port), ...featureFlags(features)],
    env: { ...process.env, ...features.env },
    log: files.log,
    graceSeconds: 0,
  });
  try {
    await untilReady(child, () => isReady(port, files), { signal: options.signal });
    return { child, port };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

function serverFlags(options: ApiServerOptions, files: ServerFiles, port: number): string[] {
  return [
    `--etcd-servers=${options.etcdUrl}`,
    `--etcd-prefix=/${options.name}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    // Empty at first: the server makes an authority and a certificate for itself there.
    `--cert-dir=${files.certificates}`,
    `--token-auth-file=${files.tokens}`,
    `--service-account-issuer=https://127.0.0.1:${port}/`,
    `--service-account-key-file=${files.verificationKey}`,
    `--service-account-signing-key-file=${files.signingKey}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // Without a controller-manager nothing makes the default service accounts that this plugin insists on.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--endpoint-reconciler-type=none',
    '--allow-privileged=true',
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${files.auditLog}`,
  ];
}

function featureFlags({
  runtimeConfig,
  featureGates,
  emulatedVersion,
  profiling = false,
}: ServerFeatures): string[] {
  const list = (values: Readonly<Record<string, boolean>>) =>
    Object.entries(values)
      .map(([name, on]) => `${name}=${on}`)
      .join();
  const flags = [`--profiling=${profiling}`];
  if (runtimeConfig !== undefined) flags.push(`--runtime-config=${list(runtimeConfig)}`);
  if (featureGates !== undefined) flags.push(`--feature-gates=${list(featureGates)}`);
  if (emulatedVersion !== undefined) flags.push(`--emulated-version=${emulatedVersion}`);
  return flags;
}

/** kube-apiserver writes its serving certificate first and the authority that signed it last. */
function lastCertificate(pem: string): string {
  return pem.slice(pem.lastIndexOf('-----BEGIN CERTIFICATE-----'));
}

/** Asks over TLS that is verified against this very server's authority, so a stranger on the port cannot answer. */
async function isReady(port: number, files: ServerFiles): Promise<boolean> {
  if (!existsSync(files.servingCertificate)) return false;
  const certificateAuthority = lastCertificate(readFileSync(files.servingCertificate, 'utf8'));
  const server = { url: `https://127.0.0.1:${port}`, certificateAuthority, adminToken: files.adminToken };
  return (await getAsAdmin(server, '/readyz').catch(() => undefined))?.status === 200;
}

/** One GET as the user in system:masters; for questions asked many times a second, where a kubectl each would be slow. */
export async function getAsAdmin(
  server: Pick<ApiServer, 'url' | 'certificateAuthority' | 'adminToken'>,
  path: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const options = {
    ca: server.certificateAuthority,
    headers: { authorization: `Bearer ${server.adminToken}` },
    agent: false,
    signal: AbortSignal.timeout(2000),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(new URL(path, server.url), options, resolve).on('error', reject);
  });
  return { status: response.statusCode, body: await text(response) };
}
