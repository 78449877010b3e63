import { spawn } from 'node:child_process';
import { type ErrorCode, errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import type { ProgressOutput } from '#sandbox/progress.ts';
import type { SandboxFacts } from '#sandbox/sandbox.ts';

/** What a supervisor tells the one who started it, until it is ready. */
type Report =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'ready'; readonly facts: SandboxFacts }
  | { readonly kind: 'failed'; readonly code: ErrorCode | undefined; readonly message: string };

/**
 * Starts a supervisor: a process of its own session that runs the sandbox and lives on when this one has ended. Resolves
 * when the sandbox is ready. A supervisor that loses its starter before that ends what it began.
 */
export async function startDetached(
  [command, ...args]: readonly [string, ...string[]],
  output: ProgressOutput,
  signal: AbortSignal,
): Promise<SandboxFacts> {
  const supervisor = spawn(command, args, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const abort = () => {
    if (supervisor.connected) supervisor.disconnect();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<SandboxFacts>((resolve, reject) => {
      let failure: Error | undefined;
      supervisor.on('message', (report: Report) => {
        if (report.kind === 'progress') output.write(report.text);
        else if (report.kind === 'ready') resolve(report.facts);
        else failure = new MangroveError(report.code ?? 'SANDBOX_START_FAILED', report.message);
      });
      supervisor.once('error', reject);
      supervisor.once('exit', (code, killedBy) => {
        const how = killedBy ?? `exit code ${code}`;
        const reason = signal.aborted ? signal.reason : failure;
        reject(reason ?? new MangroveError('SANDBOX_START_FAILED', `the supervisor ended: ${how}`));
      });
    });
  } finally {
    signal.removeEventListener('abort', abort);
    supervisor.unref();
    abort();
  }
}

/** The other end: what a supervisor does with the channel to its starter. */
export interface Starter {
  readonly output: ProgressOutput;
  /** Aborted when the starter is gone. */
  readonly lost: AbortSignal;
  ready(facts: SandboxFacts): void;
  failed(error: unknown): void;
}

/** @param live whether the starter's standard error is a terminal */
export function starterOf(process: NodeJS.Process, live: boolean): Starter {
  const lost = new AbortController();
  const gone = () => lost.abort(new MangroveError('SANDBOX_INTERRUPTED', 'the starting process ended'));
  process.once('disconnect', gone);
  const send = (report: Report, sent: () => void = () => undefined) => {
    if (process.connected) process.send?.(report, sent);
  };
  // An open channel would keep this process alive, and tie it to its starter, after the last word was said.
  const lastWord = (report: Report) => {
    process.off('disconnect', gone);
    send(report, () => process.disconnect?.());
  };
  return {
    output: { isTTY: live, write: (text) => send({ kind: 'progress', text }) },
    lost: lost.signal,
    ready: (facts) => lastWord({ kind: 'ready', facts }),
    failed: (error) => lastWord({ kind: 'failed', code: errorCode(error), message: errorMessage(error) }),
  };
}
