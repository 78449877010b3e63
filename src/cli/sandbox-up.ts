import { type OutputFormat, print } from '#cli/output.ts';
import { MangroveError } from '#errors/error.ts';
import { localSources, resolveBinaries } from '#sandbox/binaries.ts';
import { type Starter, startDetached, starterOf } from '#sandbox/detached.ts';
import { type Progress, progressTo, silentProgress } from '#sandbox/progress.ts';
import { type Sandbox, type SandboxFacts, sandboxProgram, startSandbox } from '#sandbox/sandbox.ts';

export interface UpOptions {
  readonly dir: string;
  readonly clusters: number;
  readonly replicas: number;
  readonly trustDomain?: string;
  readonly detach: boolean;
  /** Given to a supervisor: its starter listens on the channel, and shows its progress or not. */
  readonly supervised?: 'live' | 'silent';
  readonly o: OutputFormat;
}

/** `mangrove sandbox up`, in one of three ways: here, in a supervisor, or as that supervisor. */
export async function up(options: UpOptions): Promise<void> {
  if (options.supervised !== undefined)
    return supervise(options, starterOf(process, options.supervised === 'live'));
  const signal = interruption();
  const live = process.stderr.isTTY;
  // Here, so that a build of eight minutes is seen, on whatever standard error is.
  await resolveBinaries(localSources(), progressTo(process.stderr));
  if (options.detach) {
    const again = sandboxProgram(
      'sandbox',
      'up',
      '--supervised',
      live ? 'live' : 'silent',
      ...flags(options),
    );
    printReady(options, await startDetached(again, process.stderr, signal));
    return;
  }
  const sandbox = await start(options, live ? progressTo(process.stderr) : silentProgress, signal);
  printReady(options, sandbox);
  await sandbox.ended;
}

async function supervise(options: UpOptions, starter: Starter): Promise<void> {
  try {
    const progress = starter.output.isTTY === true ? progressTo(starter.output) : silentProgress;
    const sandbox = await start(options, progress, AbortSignal.any([starter.lost, interruption()]));
    const { kubeconfig, clusters } = sandbox;
    starter.ready({ kubeconfig, clusters });
    await sandbox.ended;
  } catch (error) {
    starter.failed(error);
    throw error;
  }
}

async function start(options: UpOptions, progress: Progress, signal: AbortSignal): Promise<Sandbox> {
  const binaries = await resolveBinaries(localSources(), silentProgress);
  const { dir: directory, clusters, replicas, trustDomain } = options;
  return startSandbox({
    binaries,
    directory,
    clusters,
    replicas,
    trustDomain,
    program: sandboxProgram(),
    progress,
    signal,
  });
}

function flags({ dir, clusters, replicas, trustDomain }: UpOptions): string[] {
  const domain = trustDomain === undefined ? [] : ['--trust-domain', trustDomain];
  return ['--dir', dir, '--clusters', String(clusters), '--replicas', String(replicas), ...domain];
}

function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => interrupted.abort(new MangroveError('SANDBOX_INTERRUPTED', `${name} received`)));
  }
  return interrupted.signal;
}

function printReady({ o: format }: UpOptions, { kubeconfig, clusters }: SandboxFacts): void {
  const names = clusters.map(({ name, trustDomain }) => `${name} (${trustDomain})`).join(', ');
  print(format, { ready: true, kubeconfig, clusters }, `ready: ${names}, kubeconfig ${kubeconfig}\n`);
}
