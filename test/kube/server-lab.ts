import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClientOptions } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import type { OwnControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { clientOf, configMapsResource, ownNamespace, recordingLog } from './lab.ts';
import { tcpProxy } from './tcp-proxy.ts';
import { startWitness, startWriter, type WitnessOptions } from './witness.ts';

/** A way to a server whose certificate, token and address lie in files, as in a pod. */
function wayTo(plane: OwnControlPlane, server = plane.cluster.url, token = plane.cluster.adminToken) {
  const directory = scratchDirectory();
  const files = { ca: join(directory, 'ca.crt'), token: join(directory, 'token') };
  const kubeconfig = join(directory, 'kubeconfig');
  const user = { tokenFile: files.token };
  const text = kubeconfigYaml([{ name: 'way', server, certificateAuthority: '', user }]);
  writeFileSync(kubeconfig, text.replace(/certificate-authority-data: .*/, 'certificate-authority: ca.crt'));
  const trust = (pem: string): void => writeFileSync(files.ca, pem);
  const present = (fresh: string): void => writeFileSync(files.token, fresh);
  trust(servingAuthority(plane));
  present(token);
  const { log, lines } = recordingLog();
  const changes: string[] = [];
  const credentials = loadCredentials({
    kubeconfig,
    rereadMs: 100,
    log,
    observer: { changed: () => changes.push('changed'), unreadable: (code) => changes.push(code) },
  });
  return { credentials, files, trust, present, lines, changes };
}

/** The authority of the certificate that the server serves now: it is the last one in its file. */
export function servingAuthority({ directory, cluster }: OwnControlPlane): string {
  const pem = readFileSync(join(directory, cluster.name, 'certificates', 'apiserver.crt'), 'utf8');
  return pem.slice(pem.lastIndexOf('-----BEGIN CERTIFICATE-----'));
}

export interface LabOptions extends Partial<Pick<WitnessOptions, 'limit' | 'timing' | 'resource'>> {
  readonly token?: string;
  readonly client?: Partial<KubeClientOptions>;
}

/** A namespace, hands to change it with, and a witness of it behind a network that can be disturbed. */
export async function serverLab(plane: OwnControlPlane, options: LabOptions = {}) {
  const direct = wayTo(plane);
  const admin = clientOf({ credentials: direct.credentials, timeoutMs: 5_000 });
  const namespace = await ownNamespace(admin);
  const network = await tcpProxy(plane.cluster.url);
  const way = wayTo(plane, network.url, options.token);
  const { log, lines } = recordingLog();
  const client = clientOf({ credentials: way.credentials, timeoutMs: 2_000, log, ...options.client });
  const { limit, timing, resource = configMapsResource } = options;
  const watch = (through = client) =>
    startWitness({
      client: through,
      direct: () => admin,
      ...(resource.namespaced && { namespace }),
      resource,
      ...(limit !== undefined && { limit }),
      ...(timing !== undefined && { timing }),
    });
  return {
    admin,
    client,
    direct,
    lines,
    namespace,
    network,
    way,
    watch,
    write: () => startWriter(admin, namespace),
  };
}

/** etcd forgets everything before now. */
export async function compact({ etcd }: OwnControlPlane): Promise<void> {
  const ask = async (path: string, body: unknown): Promise<{ header: { revision: string } }> => {
    const response = await fetch(`${etcd.url}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as { header: { revision: string } };
  };
  const { revision } = (await ask('range', { key: Buffer.from('/').toString('base64') })).header;
  await ask('compaction', { revision, physical: true });
}
