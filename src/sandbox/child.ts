import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that cannot outlive the one that started it. */
export interface Child {
  readonly name: string;
  /** Id of its process and of the process group that everything it starts lives in. */
  readonly group: number;
  /** Where standard output and standard error go. */
  readonly log: string;
  readonly exited: Promise<void>;
  hasExited(): boolean;
  /** Exit code; undefined while it runs and after a signal. */
  exitCode(): number | undefined;
  /** Ends the process and whatever it started; resolves when none of them is left. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Seconds between SIGTERM and SIGKILL; 0 for processes that have nothing worth saving. */
  readonly graceSeconds: number;
}

/** Becomes the command when told to go. When the parent dies before it has set a guard, the pipe just ends. */
const gate = 'read -r go || exit 1; exec "$@" </dev/null';

/**
 * Reads a pipe that its parent holds and never writes. The kernel closes it however the parent ends, SIGKILL included,
 * and the guard then ends the group. No handler runs on SIGKILL, and PR_SET_PDEATHSIG exists on Linux alone.
 */
const guard = `
while read -r nothing; do :; done
kill -TERM "$1"
tenths=$(($2 * 10))
while [ "$tenths" -gt 0 ] && kill -0 -"$1"; do sleep 0.1; tenths=$((tenths - 1)); done
kill -KILL -"$1"
`;

export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env, cwd, graceSeconds } = options;
  const log = openSync(options.log, 'a', 0o600);
  const child = spawnGroup(gate, [command, ...args], { env, cwd, output: log });
  closeSync(log);
  await once(child, 'spawn');
  const group = child.pid;
  if (group === undefined) throw new Error(`${options.name} was spawned without a process id`);
  const guardian = spawnGroup(guard, [String(group), String(graceSeconds)], { output: 'ignore' });
  await once(guardian, 'spawn');

  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      signalGroup(group, 'SIGKILL');
      guardian.kill('SIGKILL');
      resolve();
    });
  });
  child.stdin?.end('go\n');
  return {
    name: options.name,
    group,
    log: options.log,
    exited,
    hasExited: () => ended,
    exitCode: () => child.exitCode ?? undefined,
    async stop() {
      const kill = setTimeout(() => signalGroup(group, 'SIGKILL'), graceSeconds * 1000);
      if (!ended) child.kill('SIGTERM');
      await exited;
      clearTimeout(kill);
      await groupGone(group);
    },
  };
}

interface GroupOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  readonly output: number | 'ignore';
}

/** Runs a shell script as the leader of a new process group, out of the reach of the terminal's Ctrl-C. */
function spawnGroup(script: string, args: readonly string[], options: GroupOptions): ChildProcess {
  const { env, cwd, output } = options;
  const stdio: ['pipe', typeof output, typeof output] = ['pipe', output, output];
  const shell = spawn('/bin/sh', ['-c', script, 'mangrove', ...args], { detached: true, stdio, env, cwd });
  // Of a shell that is gone before it has read anything, the exit is what counts.
  shell.stdin?.on('error', () => undefined);
  return shell;
}

/** True while the group has a process that is alive or was not yet reaped. */
export function groupIsAlive(group: number): boolean {
  return signalGroup(group, 0);
}

/** Waits until no process of the group is left; false when some still were after `timeoutMs`. */
export function groupGone(group: number, timeoutMs = 5000): Promise<boolean> {
  return untilGone(() => groupIsAlive(group), timeoutMs);
}

/** The same for one process that is no child of ours. */
export function processGone(pid: number, timeoutMs: number): Promise<boolean> {
  return untilGone(() => processIsAlive(pid), timeoutMs);
}

async function untilGone(isAlive: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive()) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
}

function processIsAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

/** The last lines of a log, for the message of a failure; logs of a start are small. */
export function logTail(path: string, lines = 12): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log was written)';
  }
}
