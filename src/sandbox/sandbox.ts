import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MangroveError } from '#errors/error.ts';
import { type ApiServer, getAsAdmin } from '#sandbox/api-server.ts';
import type { Binaries } from '#sandbox/binaries.ts';
import { type Claim, claimDirectory } from '#sandbox/claim.ts';
import { startControlPlane } from '#sandbox/control-plane.ts';
import { createReplicaPods, install, signerName } from '#sandbox/installation.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import { kubectlWith } from '#sandbox/kubectl.ts';
import type { Progress } from '#sandbox/progress.ts';
import { startReplica } from '#sandbox/replica.ts';

export interface SandboxOptions {
  readonly binaries: Binaries;
  readonly directory: string;
  readonly clusters: number;
  /** Controllers for each cluster. */
  readonly replicas: number;
  /** The trust domain of all clusters; one for each, named after it, when not given. */
  readonly trustDomain?: string | undefined;
  /** The command before `controller --config FILE`. */
  readonly program: readonly [string, ...string[]];
  readonly progress: Progress;
  /** Ends the start, and later the sandbox. */
  readonly signal: AbortSignal;
}

/** What a user needs to know of a sandbox that is ready. */
export interface SandboxFacts {
  readonly kubeconfig: string;
  readonly clusters: readonly SandboxCluster[];
}

export interface Sandbox extends SandboxFacts {
  /** Resolves when everything has ended: the signal came, or `sandbox down`. No process and no file is left then. */
  readonly ended: Promise<void>;
}

export interface SandboxCluster {
  /** Also the name of its context in the kubeconfig. */
  readonly name: string;
  readonly trustDomain: string;
}

/** The command that runs this very program again, with these arguments. */
export function sandboxProgram(...args: string[]): [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', ...args];
}

function sandboxClusters(count: number, trustDomain?: string): SandboxCluster[] {
  return Array.from({ length: count }, (_, index) => {
    const name = ['east', 'west'][index] ?? `cluster-${index + 1}`;
    return { name, trustDomain: trustDomain ?? `${name}.test` };
  });
}

/** Starts real clusters with Mangrove installed and running under the shipped rights; all or nothing. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const claim = await claimDirectory(options.directory);
  const signal = AbortSignal.any([options.signal, claim.endRequested]);
  const stops: (() => Promise<void>)[] = [];
  // The logs of a start that failed are kept; the next `up` or `down` removes them.
  const stop = async (leave: 'release' | 'abandon') => {
    for (const stopPart of stops.toReversed()) await stopPart();
    await claim[leave]();
  };
  try {
    await start({ ...options, signal }, claim, stops);
    signal.throwIfAborted();
  } catch (error) {
    await stop(signal.aborted ? 'release' : 'abandon');
    throw error;
  }
  claim.setReady();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return {
    kubeconfig: join(options.directory, 'kubeconfig'),
    clusters: sandboxClusters(options.clusters, options.trustDomain),
    ended: aborted.then(() => stop('release')),
  };
}

type Stops = (() => Promise<void>)[];

async function start(options: SandboxOptions, claim: Claim, stops: Stops): Promise<void> {
  const { binaries, directory, progress, signal } = options;
  const wanted = sandboxClusters(options.clusters, options.trustDomain);
  const controlPlane = await progress.step(`start ${wanted.map(({ name }) => name).join(', ')}`, () =>
    startControlPlane({ binaries, directory, clusters: wanted, signal }),
  );
  stops.push(() => controlPlane.stop());
  claim.addGroup(controlPlane.etcd.child.group);
  for (const server of controlPlane.clusters) claim.addGroup(server.child().group);
  writeUserFiles(directory, binaries, controlPlane.clusters);

  const clusters = controlPlane.clusters.map((server, index) => ({
    server,
    trustDomain: wanted[index]?.trustDomain ?? '',
    kubectl: kubectlWith({
      binary: binaries.kubectl,
      kubeconfig: server.kubeconfig,
      cache: join(directory, server.name, 'kubectl-cache'),
    }),
  }));
  await progress.step('install Mangrove from manifests/', () =>
    all(clusters, ({ kubectl, trustDomain }) => install(kubectl, trustDomain)),
  );
  signal.throwIfAborted();
  await progress.step('start the controllers', () =>
    all(clusters, async ({ server, kubectl }) => {
      const pods = await createReplicaPods(kubectl, options.replicas);
      await all(pods, async (pod) => {
        const replica = await startReplica({
          cluster: server,
          kubectl,
          pod,
          program: options.program,
          directory: join(directory, server.name, pod.name),
          signal,
          onStart: (child) => claim.addGroup(child.group),
          onTrouble: (message) => note(directory, message),
        });
        stops.push(() => replica.stop());
      });
    }),
  );
  await progress.step('wait for the trust bundles', () =>
    all(clusters, ({ server }) => untilPublished(server, directory, signal)),
  );
}

/** Does the work for every item and waits for all of it, so that nothing still starts after one has failed. */
async function all<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(items.map(work));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** What `sandbox env` points at. */
function writeUserFiles(directory: string, binaries: Binaries, servers: readonly ApiServer[]): void {
  const entries = servers.map(({ name, url: server, certificateAuthority, adminToken: token }) => ({
    name,
    server,
    certificateAuthority,
    user: { token },
  }));
  writeFileSync(join(directory, 'kubeconfig'), kubeconfigYaml(entries), { mode: 0o600 });
  mkdirSync(join(directory, 'bin'));
  symlinkSync(binaries.kubectl, join(directory, 'bin', 'kubectl'));
}

const publishMs = 60_000;

/** Waits for a ClusterTrustBundle of our signer with something in it. */
async function untilPublished(server: ApiServer, directory: string, signal: AbortSignal): Promise<void> {
  const path = `/apis/certificates.k8s.io/v1/clustertrustbundles?fieldSelector=${encodeURIComponent(`spec.signerName=${signerName}`)}`;
  const deadline = performance.now() + publishMs;
  for (;;) {
    signal.throwIfAborted();
    const { status, body } = await getAsAdmin(server, path);
    if (status === 200 && body.includes('BEGIN CERTIFICATE')) return;
    if (performance.now() > deadline) {
      throw new MangroveError(
        'SANDBOX_NOT_READY',
        `${server.name} has no ClusterTrustBundle of ${signerName} after ${publishMs / 1000} s; logs are in ${join(directory, server.name)}`,
      );
    }
    await delay(100);
  }
}

/** Later troubles have nobody to tell: a detached sandbox has no terminal. */
function note(directory: string, message: string): void {
  appendFileSync(join(directory, 'supervisor.log'), `${new Date().toISOString()} ${message}\n`);
}
