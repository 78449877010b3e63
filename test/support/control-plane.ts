import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { ApiServer } from '#sandbox/api-server.ts';
import { type Binaries, installedBinaries, localSources } from '#sandbox/binaries.ts';
import { type ClusterOptions, type ControlPlane, startControlPlane } from '#sandbox/control-plane.ts';
import { type Kubectl, kubectlWith } from '#sandbox/kubectl.ts';
import type { SharedControlPlane } from './global-setup.ts';
import { scratchDirectory } from './scratch.ts';
import { applyShared } from './shared-objects.ts';

export type TestControlPlane = SharedControlPlane & {
  /** kubectl as a user in system:masters. */
  readonly kubectl: Kubectl;
};

/** The real control plane that all test files of this run share. Never stop, restart or flood it: see `ownControlPlane`. */
export async function controlPlane(): Promise<TestControlPlane> {
  const response = await fetch(inject('controlPlaneUrl'));
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  const shared = JSON.parse(body) as SharedControlPlane;
  return { ...shared, kubectl: kubectlFor(shared, join(shared.binaries, 'kubectl')) };
}

/** kubectl for any server with a kubeconfig. */
export function kubectlFor(server: { readonly kubeconfig: string }, binary = binaries().kubectl): Kubectl {
  return kubectlWith({ binary, kubeconfig: server.kubeconfig, cache: `${server.kubeconfig}.cache` });
}

export type OwnControlPlane = ControlPlane & {
  readonly directory: string;
  /** The first cluster, for the many tests that want just one. */
  readonly cluster: ApiServer;
};

/** A control plane for one test file, with the shipped CRDs: it may be restarted, cut off or killed. Stop it in `afterAll`. */
export async function ownControlPlane(
  clusters: readonly [ClusterOptions, ...ClusterOptions[]] = [{ name: 'own' }],
): Promise<OwnControlPlane> {
  const directory = scratchDirectory('own');
  const own = await startControlPlane({ binaries: binaries(), directory, clusters });
  await Promise.all(own.clusters.map((cluster) => applyShared(kubectlFor(cluster))));
  const [cluster] = own.clusters;
  if (cluster === undefined) throw new Error('a control plane without a cluster');
  const stop = async () => {
    await own.stop();
    // An etcd is large: not all of them at once.
    await rm(directory, { recursive: true });
  };
  return { ...own, cluster, directory, stop };
}

/** The binaries on this machine; tests never build or download them. */
export function binaries(): Binaries {
  const found = installedBinaries(localSources());
  if (found === undefined) throw new Error('no control plane binaries: run `make setup`');
  return found;
}
