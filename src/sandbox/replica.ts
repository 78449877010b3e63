import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dump } from 'js-yaml';
import { errorMessage } from '#errors/error.ts';
import type { ApiServer } from '#sandbox/api-server.ts';
import { type Child, startChild } from '#sandbox/child.ts';
import { type ReplicaPod, serviceAccount, systemNamespace } from '#sandbox/installation.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { keepPodToken, type PodTokenOptions, writePodToken } from '#sandbox/pod-token.ts';
import { freePorts } from '#sandbox/port.ts';
import { retryOnPortCollision, untilReady } from '#sandbox/readiness.ts';

const restartMs = 1_000;
const tokenCheckMs = 20_000;

/** A controller that runs as one replica of the installation, with the rights of its service account and no more. */
export interface Replica {
  readonly name: string;
  readonly log: string;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  readonly cluster: ApiServer;
  readonly kubectl: Kubectl;
  readonly pod: ReplicaPod;
  /** The command before `controller --config FILE`, e.g. a Node and the bundled program. */
  readonly program: readonly [string, ...string[]];
  /** Directory for its token, configuration, ledger and log. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of each process that is started, and of what went wrong later on. */
  readonly onStart: (child: Child) => void;
  readonly onTrouble: (message: string) => void;
}

/** Starts the controller; resolves when it says that it is ready. From then on it is started again when it ends. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { cluster, kubectl, pod, directory, onTrouble } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const token: PodTokenOptions = {
    kubectl,
    namespace: systemNamespace,
    serviceAccount,
    pod,
    path: join(directory, 'token'),
  };
  await writePodToken(token);
  writeFileSync(join(directory, 'kubeconfig'), replicaKubeconfig(cluster, token.path));
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  let child = await launch({ ...options, signal });
  const keeper = keepPodToken(token, {
    now: Date.now,
    checkMs: tokenCheckMs,
    onFailure: (error) => onTrouble(`token of ${pod.name}: ${errorMessage(error)}`),
  });

  /** What the kubelet does with `restartPolicy: Always`. */
  const keepRunning = async (): Promise<void> => {
    for (;;) {
      await child.exited;
      if (ending.signal.aborted) return;
      onTrouble(`${child.name} ended; starting it again`);
      await delay(restartMs);
      if (ending.signal.aborted) return;
      try {
        child = await launch({ ...options, signal });
      } catch (error) {
        onTrouble(errorMessage(error));
      }
    }
  };
  const kept = keepRunning();
  return {
    name: pod.name,
    log: child.log,
    async stop() {
      keeper.stop();
      ending.abort();
      await child.stop();
      await kept;
    },
  };
}

async function launch(options: ReplicaOptions): Promise<Child> {
  const { cluster, pod, program, directory, signal, onStart } = options;
  const [command, ...args] = program;
  const config = join(directory, 'config.yaml');
  const log = join(directory, 'controller.log');
  return retryOnPortCollision(log, async () => {
    const [port] = await freePorts(1);
    writeFileSync(config, replicaConfig(pod.name, directory, port));
    const child = await startChild({
      name: `controller ${cluster.name}/${pod.name}`,
      command,
      args: [...args, 'controller', '--config', config],
      env: environment(),
      log,
      graceSeconds: 20,
    });
    onStart(child);
    try {
      await untilReady(child, () => answersReady(port), { signal });
      return child;
    } catch (error) {
      await child.stop();
      throw error;
    }
  });
}

/** What a MANGROVE_ variable of the shell says is not meant for the replicas of a sandbox. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MANGROVE_')));
}

function replicaConfig(replica: string, directory: string, port: number | undefined): string {
  return dump({
    replica,
    namespace: systemNamespace,
    kubeconfig: join(directory, 'kubeconfig'),
    ledger: { path: join(directory, 'ledger.db') },
    http: { host: '127.0.0.1', port },
  });
}

function replicaKubeconfig(cluster: ApiServer, tokenFile: string): string {
  const { name, url: server, certificateAuthority } = cluster;
  return kubeconfigYaml([
    { name, server, certificateAuthority, userName: serviceAccount, user: { tokenFile } },
  ]);
}

async function answersReady(port: number | undefined): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
