import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { errorMessage, MangroveError } from '#errors/error.ts';

/** A kubeconfig as client-node reads it, and the token files that it does not read. */
export interface Kubeconfig {
  readonly config: KubeConfig;
  /** Path of the current user's token file. */
  readonly tokenFile: string | undefined;
}

/** Reads the files of a kubeconfig, merged as kubectl does (the first one that names a thing wins). Throws KUBE_CONFIG_INVALID. */
export function readKubeconfig(paths: readonly string[], context: string | undefined): Kubeconfig {
  const config = new KubeConfig();
  const tokenFiles = new Map<string, string>();
  for (const [position, path] of paths.entries()) {
    const text = readText(path);
    for (const [user, file] of tokenFilesIn(parseYaml(path, text), dirname(path))) {
      if (!tokenFiles.has(user)) tokenFiles.set(user, file);
    }
    const one = position === 0 ? config : new KubeConfig();
    loadInto(one, path, text);
    if (one !== config) config.mergeConfig(one, true);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const user = config.getCurrentUser()?.name;
  return {
    config: complete(config, paths.join(', ')),
    tokenFile: user === undefined ? undefined : tokenFiles.get(user),
  };
}

/** The service account that is mounted into a pod; `root` stands before its paths. Throws KUBE_CONFIG_INVALID. */
export function readInCluster(env: NodeJS.ProcessEnv, root: string): Kubeconfig {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined) {
    throw new MangroveError(
      'KUBE_CONFIG_INVALID',
      'no kubeconfig, and not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set',
    );
  }
  const mount = join(root, '/var/run/secrets/kubernetes.io/serviceaccount');
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const name = 'in-cluster';
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name, server, caFile: join(mount, 'ca.crt'), skipTLSVerify: false }],
    users: [{ name }],
    contexts: [{ name, cluster: name, user: name, namespace: readText(join(mount, 'namespace')) }],
    currentContext: name,
  });
  return { config: complete(config, 'the service account'), tokenFile: join(mount, 'token') };
}

function complete(config: KubeConfig, where: string): KubeConfig {
  const context = config.getCurrentContext();
  if (config.getContextObject(context) === null) {
    throw new MangroveError('KUBE_CONFIG_INVALID', `${where}: there is no context "${context}"`);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new MangroveError(
      'KUBE_CONFIG_INVALID',
      `${where}: the cluster of context "${context}" is missing`,
    );
  }
  if (config.getCurrentUser() === null) {
    throw new MangroveError('KUBE_CONFIG_INVALID', `${where}: the user of context "${context}" is missing`);
  }
  // Node's proxy support knows no SOCKS; a plain-text server would get our token in the clear.
  if (cluster.proxyUrl !== undefined && !/^https?:/.test(cluster.proxyUrl)) {
    throw new MangroveError('KUBE_CONFIG_INVALID', `${where}: proxy-url must begin with http:// or https://`);
  }
  if (!URL.canParse(cluster.server) || new URL(cluster.server).protocol !== 'https:') {
    throw new MangroveError(
      'KUBE_CONFIG_INVALID',
      `${where}: server "${cluster.server}" is not an https URL`,
    );
  }
  return config;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new MangroveError('KUBE_CONFIG_INVALID', `cannot read the credentials: ${errorMessage(error)}`);
  }
}

function loadInto(config: KubeConfig, path: string, text: string): void {
  try {
    config.loadFromString(text);
  } catch (error) {
    throw new MangroveError('KUBE_CONFIG_INVALID', `${path}: ${errorMessage(error).split('\n', 1)[0]}`);
  }
  config.makePathsAbsolute(dirname(path));
}

/** Its error carries a picture of the lines around the fault, which may hold a token: neither text nor cause is passed on. */
function parseYaml(path: string, text: string): unknown {
  try {
    return load(text);
  } catch {
    throw new MangroveError('KUBE_CONFIG_INVALID', `${path}: not valid YAML`);
  }
}

/** client-node looks for `token-file`; kubectl writes, and client-go reads, `tokenFile`. */
function* tokenFilesIn(document: unknown, directory: string): Generator<[user: string, file: string]> {
  if (!isRecord(document)) {
    throw new MangroveError('KUBE_CONFIG_INVALID', 'the kubeconfig is empty or not a mapping');
  }
  const users = document['users'];
  if (!Array.isArray(users)) return;
  for (const entry of users as unknown[]) {
    if (!isRecord(entry) || typeof entry['name'] !== 'string' || !isRecord(entry['user'])) continue;
    const file = entry['user']['tokenFile'];
    if (typeof file === 'string' && file !== '') {
      yield [entry['name'], isAbsolute(file) ? file : join(directory, file)];
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
