import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installedBinaries, localSources } from '#sandbox/binaries.ts';
import { startControlPlane } from '#sandbox/control-plane.ts';
import { kubectlWith } from '#sandbox/kubectl.ts';
import { type Installation, install } from '../test/support/installation.ts';
import { applyShared } from '../test/support/shared-objects.ts';
import { scratchDirectory } from './scratch.ts';

/** A real control plane of its own, with what a test installs on one. */
export async function benchControlPlane(): Promise<{ on: Installation; close: () => Promise<void> }> {
  const binaries = installedBinaries(localSources());
  if (binaries === undefined) throw new Error('no control plane binaries: run `make setup`');
  const directory = await mkdtemp(join(scratchDirectory, 'mangrove-bench-'));
  const controlPlane = await startControlPlane({ binaries, directory, clusters: [{ name: 'bench' }] });
  const [server] = controlPlane.clusters;
  if (server === undefined) throw new Error('a control plane without a cluster');
  const { kubeconfig, certificateAuthority, adminToken, url } = server;
  const kubectl = kubectlWith({ binary: binaries.kubectl, kubeconfig, cache: join(directory, 'cache') });
  await applyShared(kubectl);
  const on = await install({ server: url, certificateAuthority, adminToken, directory, kubectl });
  async function close(): Promise<void> {
    await on.stop();
    await controlPlane.stop();
    await rm(directory, { recursive: true, force: true });
  }
  return { on, close };
}
