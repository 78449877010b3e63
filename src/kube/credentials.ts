import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Logger } from 'pino';
import { errorMessage, MangroveError } from '#errors/error.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import { type Kubeconfig, readInCluster, readKubeconfig } from '#kube/kubeconfig.ts';

/** What proves to the API server who we are, and to us that it is the API server. */
export interface Presented {
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Changes whenever `server` or `tls` does: connections made under another one are not used any more. */
  readonly fingerprint: string;
}

export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
  /** http(s) proxy to tunnel through. */
  readonly proxyUrl?: string;
}

export interface Credentials {
  /** The namespace of the context, or of the pod. */
  readonly namespace: string | undefined;
  /** Files (kubeconfig, token, CA, certificate) are read again when the last reading is older than `rereadMs`. Throws KUBE_CONFIG_INVALID. */
  present(): Promise<Presented>;
  /** The server refused these or was not whom we expected: read everything again before the next request. */
  invalidate(): void;
}

export interface CredentialOptions {
  /** Default: the files of $KUBECONFIG, else ~/.kube/config, else the pod's service account. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** Only the pod's service account. */
  readonly inCluster?: boolean;
  /** Stands before the service account's mount path; default none. */
  readonly root?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default 5 s: a rotated token or CA is in use this soon. */
  readonly rereadMs?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly observer?: CredentialObserver;
}

export interface CredentialObserver {
  /** Other credentials than before are in use. */
  changed?(): void;
  /** They cannot be read: the last good ones stay in use. `code` is an error code. */
  unreadable?(code: string): void;
}

/**
 * Credentials by client-node's KubeConfig (inline data, files, exec plug-ins, auth providers), kept current. A file that is
 * missing or half-written in the middle of a rotation leaves the last good reading in use; the first reading must succeed.
 */
export function loadCredentials(options: CredentialOptions): Credentials {
  const { clock = systemClock, rereadMs = 5_000, log, observer = {} } = options;
  const read = reader(options);
  let kubeconfig: Kubeconfig | undefined = read();
  const { config } = kubeconfig;
  let presented: { readonly value: Promise<Presented>; readonly at: number } | undefined;
  let lastGood: Presented | undefined;
  /** Said once for each time that it begins. */
  let readable = true;

  async function renew(): Promise<Presented> {
    try {
      kubeconfig = read(kubeconfig);
      const next = await presentedBy(kubeconfig);
      if (lastGood !== undefined) tellChange(lastGood, next);
      lastGood = next;
      readable = true;
    } catch (error) {
      if (lastGood === undefined) throw unusable(error);
      keep(unusable(error));
    }
    return lastGood;
  }

  function tellChange(before: Presented, after: Presented): void {
    const tls = before.fingerprint !== after.fingerprint;
    const identity = JSON.stringify(before.headers) !== JSON.stringify(after.headers);
    if (!tls && !identity) return;
    observer.changed?.();
    log?.info({ server: after.server.host, tls, identity }, 'other credentials are in use');
  }

  function keep(error: MangroveError): void {
    observer.unreadable?.(error.code);
    if (!readable) return;
    readable = false;
    log?.warn(
      { code: error.code, error: error.message },
      'the credentials cannot be read: the last good ones stay in use',
    );
  }

  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    present() {
      if (presented === undefined || clock.monotonic() - presented.at >= rereadMs) {
        presented = { value: renew(), at: clock.monotonic() };
      }
      return presented.value;
    },
    invalidate() {
      presented = undefined;
      // Forgets also what an exec plug-in gave.
      kubeconfig = undefined;
    },
  };
}

/** Returns the previous reading while the files are the same, for it remembers what exec plug-ins and login flows gave. */
function reader(options: CredentialOptions): (previous?: Kubeconfig) => Kubeconfig {
  const { env = process.env, root = '' } = options;
  const paths = options.inCluster === true ? [] : kubeconfigPaths(options, env);
  if (paths.length === 0) return (previous) => previous ?? readInCluster(env, root);
  let digest: string | undefined;
  return (previous) => {
    const now = digestOf(paths.map((path) => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0))));
    if (previous !== undefined && now === digest) return previous;
    const next = readKubeconfig(paths, options.context);
    digest = now;
    return next;
  };
}

function kubeconfigPaths(options: CredentialOptions, env: NodeJS.ProcessEnv): string[] {
  if (options.kubeconfig !== undefined) return [options.kubeconfig];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  // kubectl skips those that do not exist; when none does, the first one is named in the error.
  if (listed.length > 0) return listed.some(existsSync) ? listed.filter(existsSync) : listed.slice(0, 1);
  const home = join(env['HOME'] ?? homedir(), '.kube', 'config');
  return existsSync(home) ? [home] : [];
}

async function presentedBy({ config, tokenFile }: Kubeconfig): Promise<Presented> {
  const given: RequestOptions = {};
  await config.applyToHTTPSOptions(given);
  const cluster = config.getCurrentCluster();
  const server = new URL(cluster?.server ?? '');
  const tls = tlsMaterial(given, cluster?.proxyUrl);
  const { ca, cert, key, ...rest } = tls;
  return {
    server,
    headers: headersOf(given, tokenFile),
    tls,
    fingerprint: digestOf([ca, cert, key, JSON.stringify(rest), server.href]),
  };
}

function tlsMaterial(given: RequestOptions, proxyUrl: string | undefined): TlsMaterial {
  return {
    ...(Buffer.isBuffer(given.ca) && { ca: given.ca }),
    ...(isBytes(given.cert) && { cert: given.cert }),
    ...(isBytes(given.key) && { key: given.key }),
    ...(given.servername !== undefined && { servername: given.servername }),
    // Never from NODE_TLS_REJECT_UNAUTHORIZED: only the kubeconfig may say that the server goes unchecked.
    rejectUnauthorized: given.rejectUnauthorized !== false,
    ...(proxyUrl !== undefined && { proxyUrl }),
  };
}

function headersOf(given: RequestOptions, tokenFile: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given.headers ?? {})) {
    if (typeof value === 'string') headers[name] = value.trim();
  }
  if (typeof given.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(given.auth).toString('base64')}`;
  }
  // client-node keeps a token file's content for a minute and leaves its line end in the header: read it here.
  if (tokenFile !== undefined) headers['Authorization'] = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
  return headers;
}

function digestOf(parts: readonly (Buffer | string | undefined)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part?.length ?? '-'}:`).update(part ?? '');
  return hash.digest('hex');
}

function isBytes(value: unknown): value is Buffer | string {
  return Buffer.isBuffer(value) || typeof value === 'string';
}

function unusable(error: unknown): MangroveError {
  if (error instanceof MangroveError) return error;
  return new MangroveError('KUBE_CONFIG_INVALID', `the credentials cannot be read: ${errorMessage(error)}`);
}
