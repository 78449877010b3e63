import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Of those that this process may use. The first is where the interrupts go. */
export interface Processors {
  readonly first: string;
  readonly last: string;
}

/** Undefined where the kernel does not say. */
export function allowedProcessors(): Processors | undefined {
  try {
    const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    const first = /^\d+/.exec(list)?.[0];
    const last = /\d+$/.exec(list)?.[0];
    return first === undefined || last === undefined ? undefined : { first, last };
  } catch {
    return undefined;
  }
}

/** What starts the same command on that processor alone. */
export function commandOn(processor: string, command: readonly string[]): readonly string[] {
  return ['taskset', '-c', processor, ...command];
}

/** Why `apart` cannot be done. */
export function apartHindrance(): string | undefined {
  const allowed = allowedProcessors();
  if (allowed === undefined || allowed.first === allowed.last) return 'it takes two processors';
  return spawnSync('taskset', ['--version']).status === 0 ? undefined : 'it takes the command taskset';
}

/** Two processors: what `task` starts runs on the first alone; this process, and what it starts from then on, on the last. */
export async function apart<T>(task: () => Promise<T>): Promise<T> {
  const allowed = allowedProcessors();
  if (allowed === undefined) throw new Error('the kernel names no processors');
  moveTo(allowed.first);
  const started = await task();
  moveTo(allowed.last);
  return started;
}

function moveTo(processor: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', processor, String(process.pid)]);
}
