import { join } from 'node:path';
import { type ApiServer, type ServerFeatures, type StaticUser, startApiServer } from '#sandbox/api-server.ts';
import type { Binaries } from '#sandbox/binaries.ts';
import { type Etcd, startEtcd } from '#sandbox/etcd.ts';

/** One cluster of a control plane: a kube-apiserver with a part of etcd of its own. */
export interface ClusterOptions {
  readonly name: string;
  readonly features?: ServerFeatures;
  readonly users?: readonly StaticUser[];
}

export interface ControlPlane {
  readonly etcd: Etcd;
  /** In the order asked for. */
  readonly clusters: readonly ApiServer[];
  /** Ends every process; files stay where they are. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly binaries: Binaries;
  /** Directory for data, keys and logs. */
  readonly directory: string;
  readonly clusters: readonly ClusterOptions[];
  /** Aborts the start; what was started by then is ended. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts one etcd and, beside each other, one kube-apiserver for each cluster; all or nothing. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { binaries, directory, signal } = options;
  const etcd = await startEtcd({ binary: binaries.etcd, directory: join(directory, 'etcd'), signal });
  const starts = await Promise.allSettled(
    options.clusters.map((cluster) =>
      startApiServer({
        ...cluster,
        binary: binaries['kube-apiserver'],
        directory: join(directory, cluster.name),
        etcdUrl: etcd.url,
        signal,
      }),
    ),
  );
  const clusters = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async () => {
    await Promise.all([...clusters.map((cluster) => cluster.stop()), etcd.child.stop()]);
  };
  const failure = starts.find((start) => start.status === 'rejected');
  if (failure !== undefined) {
    await stop();
    throw failure.reason;
  }
  return { etcd, clusters, stop };
}
