import { pino } from 'pino';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { OWNER_LABEL } from '#bundles/target/placed-object.ts';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import { createKubeClient, type KubeClient } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import { discover } from '#kube/discovery.ts';
import type { ClusterTrustBundle, ConfigMap } from '#kube/object.ts';
import {
  atVersion,
  clusterTrustBundles,
  clusterTrustBundleVersions,
  configMaps,
  trustBundles,
} from '#kube/resource.ts';

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** What the command reads of a cluster, with the rights of whoever calls it: `get` and `list`, nothing else. */
export interface Cluster {
  trustBundles(): Promise<readonly TrustBundle[]>;
  trustBundle(name: string): Promise<TrustBundle>;
  /** @throws MangroveError BUNDLE_API_ABSENT, BUNDLE_API_UNKNOWN */
  clusterTrustBundle(name: string): Promise<ClusterTrustBundle>;
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  /** What one of the ConfigMaps of this name that TrustBundles are published to holds; nothing where nobody may list them. */
  placed(name: string): Promise<readonly string[]>;
  /** Epoch ms by its clock, once it has answered. */
  now(): number;
  close(): void;
}

export function openCluster({ kubeconfig, context }: ClusterOptions): Cluster {
  const client = createKubeClient({
    credentials: loadCredentials({ kubeconfig, context }),
    log: pino({ level: 'silent' }),
  });
  return {
    trustBundles: async () => (await client.list<TrustBundle>(trustBundles)).items,
    trustBundle: (name) => client.get<TrustBundle>(trustBundles, name),
    clusterTrustBundle: async (name) =>
      client.get<ClusterTrustBundle>(atVersion(clusterTrustBundles, await servedVersion(client)), name),
    configMap: (namespace, name) => client.get<ConfigMap>(configMaps, name, { namespace }),
    async placed(name) {
      const one = { fieldSelector: `metadata.name=${name}`, labelSelector: OWNER_LABEL, limit: 1 };
      const page = await client.listPage<ConfigMap>(configMaps, one).catch(nothingIfForbidden);
      return (page?.items ?? []).flatMap(({ data = {} }) => Object.values(data));
    },
    now: () => (client.serverTime() ?? Date.now() / 1000) * 1000,
    close: () => client.close(),
  };
}

function nothingIfForbidden(error: unknown): undefined {
  if (errorCode(error) !== 'KUBE_FORBIDDEN') throw error;
}

async function servedVersion(client: KubeClient): Promise<string> {
  const { group, plural } = clusterTrustBundles;
  const found = await discover(client, group, plural, clusterTrustBundleVersions);
  if (found.state === 'served') return found.version;
  if (found.state === 'absent')
    throw new MangroveError('BUNDLE_API_ABSENT', 'the API server serves no ClusterTrustBundle');
  if (found.cause instanceof MangroveError) throw found.cause;
  throw new MangroveError(
    'BUNDLE_API_UNKNOWN',
    `whether the API server serves ClusterTrustBundle is not known: ${errorMessage(found.cause)}`,
  );
}
