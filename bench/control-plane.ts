import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { installedBinaries, localSources } from '#sandbox/binaries.ts';
import { startControlPlane } from '#sandbox/control-plane.ts';
import { kubectlWith } from '#sandbox/kubectl.ts';
import { type Installation, install } from '../test/support/installation.ts';
import { applyShared } from '../test/support/shared-objects.ts';
import { scratchDirectory } from './scratch.ts';

export interface BenchControlPlane {
  readonly on: Installation;
  /** etcd forgets all old versions: in its usual five minutes a benchmark can write more than it may hold. */
  readonly compact: () => Promise<void>;
  /** The API server collects its garbage: what follows meets no collection that it did not cause. */
  readonly collect: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/**
 * A real control plane of its own, with what a test installs on one.
 * @param components of manifests/components
 */
export async function benchControlPlane(components: readonly string[] = []): Promise<BenchControlPlane> {
  const binaries = installedBinaries(localSources());
  if (binaries === undefined) throw new Error('no control plane binaries: run `make setup`');
  const directory = await mkdtemp(join(scratchDirectory, 'mangrove-bench-'));
  const controlPlane = await startControlPlane({
    binaries,
    directory,
    clusters: [{ name: 'bench', features: { profiling: true } }],
  });
  const [server] = controlPlane.clusters;
  if (server === undefined) throw new Error('a control plane without a cluster');
  const { kubeconfig, certificateAuthority, adminToken, url } = server;
  const kubectl = kubectlWith({ binary: binaries.kubectl, kubeconfig, cache: join(directory, 'cache') });
  await applyShared(kubectl);
  const on = await install({ server: url, certificateAuthority, adminToken, directory, kubectl }, components);
  return {
    on,
    compact: () => compact(controlPlane.etcd.url),
    collect: () => kubectl(['get', '--raw', '/debug/pprof/heap?gc=1&debug=1']),
    async close() {
      await on.stop();
      await controlPlane.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** By the JSON gateway of etcd, which writes 64-bit numbers as strings and bytes as base64. */
async function compact(etcd: string): Promise<void> {
  async function post(path: string, body: object): Promise<string> {
    const answer = await fetch(`${etcd}${path}`, { method: 'POST', body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`etcd answers ${answer.status} to ${path}: ${text}`);
    return text;
  }
  const range = await post('/v3/kv/range', { key: 'AA==' });
  const revision = /"revision":"(\d+)"/.exec(range)?.[1];
  await post('/v3/kv/compaction', { revision, physical: true });
}
