import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { installedBinaries, localSources } from '#sandbox/binaries.ts';
import { type ControlPlane, startControlPlane } from '#sandbox/control-plane.ts';
import { kubectlWith } from '#sandbox/kubectl.ts';
import { applyShared } from './shared-objects.ts';

/** What a worker is told of the one control plane of this run: plain data, nothing that can stop it. */
export interface SharedControlPlane {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  /** Token of a user in system:masters. */
  readonly adminToken: string;
  /** Path of a kubeconfig with that user. */
  readonly kubeconfig: string;
  readonly auditLog: string;
  /** Directory with etcd, kube-apiserver and kubectl. */
  readonly binaries: string;
  /** Scratch space that goes away with the run. */
  readonly directory: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers with a SharedControlPlane as JSON; the first question starts it. */
    controlPlaneUrl: string;
    /** Directory that goes away with the run. */
    scratch: string;
  }
}

/** One real control plane for each run, started when the first test asks: files that need none do not pay for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'mangrove-test-'));
  let started: Promise<{ controlPlane: ControlPlane; shared: SharedControlPlane }> | undefined;
  const doorman = createServer((_request, response) => {
    // A connection that is kept may be closed in the moment in which a test asks again.
    response.shouldKeepAlive = false;
    started ??= start(directory);
    started.then(
      ({ shared }) => response.end(JSON.stringify(shared)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => doorman.listen(0, '127.0.0.1', resolve));
  const address = doorman.address();
  if (address === null || typeof address === 'string') throw new Error('the doorman has no port');
  project.provide('scratch', directory);
  project.provide('controlPlaneUrl', `http://127.0.0.1:${address.port}`);
  return async () => {
    doorman.closeAllConnections();
    doorman.close();
    try {
      const running = await started?.catch(() => undefined);
      await running?.controlPlane.stop();
    } finally {
      // A process that a test left behind may still be writing.
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    }
  };
}

async function start(directory: string) {
  const binaries = installedBinaries(localSources());
  if (binaries === undefined) throw new Error('no control plane binaries: run `make setup`');
  const controlPlane = await startControlPlane({ binaries, directory, clusters: [{ name: 'test' }] });
  const server = controlPlane.clusters[0];
  if (server === undefined) throw new Error('a control plane without a cluster');
  const { certificateAuthority, adminToken, kubeconfig, auditLog } = server;
  const cache = join(directory, 'kubectl-cache');
  await applyShared(kubectlWith({ binary: binaries.kubectl, kubeconfig, cache }));
  const shared: SharedControlPlane = {
    server: server.url,
    certificateAuthority,
    adminToken,
    kubeconfig,
    auditLog,
    binaries: binaries.directory,
    directory,
  };
  return { controlPlane, shared };
}
