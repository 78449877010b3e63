import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { StepName } from '#step.ts';
import type { Installation } from './installation.ts';

/** A replica in a process of its own. */
export interface ReplicaProcess {
  /** Of its health server; undefined when it died before it was up. */
  readonly port: number | undefined;
  readonly pid: number | undefined;
  /** Such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void;
  /** As a crash does. Resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when the process is gone, by itself or not. */
  readonly gone: Promise<Ending>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Death {
  /** The step (see src) at which the replica kills itself … */
  readonly step: StepName;
  /** … when it reaches it for this time; default 1. */
  readonly count?: number;
}

const running = new Set<ChildProcess>();
const child = new URL('replica-child.ts', import.meta.url).pathname;

/** Resolves when the replica listens, or has died. `program` is replica-child.ts, or a bundle of it. */
export async function startReplicaProcess(
  on: Installation,
  ordinal: number,
  death?: Death,
  program = child,
): Promise<ReplicaProcess> {
  const config = join(on.directory, `replica-${ordinal}.json`);
  writeFileSync(config, JSON.stringify(await on.config(ordinal)));
  const args = [program, config, join(on.directory, `replica-${ordinal}.log`)];
  if (death !== undefined) args.push(death.step, String(death.count ?? 1));
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(started);
  const gone = new Promise<Ending>((resolve) => {
    started.once('exit', (code, signal) => {
      running.delete(started);
      resolve({ code, signal });
    });
  });
  const listening = (async () => {
    for await (const line of createInterface({ input: started.stdout })) {
      const port = /^listening (\d+)$/.exec(line)?.[1];
      if (port !== undefined) return Number(port);
    }
    return undefined;
  })();
  const port = await Promise.race([listening, gone.then(() => undefined)]);
  return {
    port,
    pid: started.pid,
    gone,
    signal: (signal) => void started.kill(signal),
    async kill(signal = 'SIGKILL') {
      started.kill(signal);
      await gone;
    },
  };
}

/** For the end of a test, whatever became of it. */
export async function killReplicaProcesses(): Promise<void> {
  await Promise.all([...running].map((each) => (each.kill('SIGKILL'), once(each, 'exit'))));
}
