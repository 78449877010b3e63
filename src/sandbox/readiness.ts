import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MangroveError } from '#errors/error.ts';
import { type Child, logTail } from '#sandbox/child.ts';

const pollMs = 50;
const portAttempts = 5;

export interface WaitOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** Polls `isReady` until it says yes. A child that ends, or takes too long, is a failure that quotes its log. */
export async function untilReady(
  child: Child,
  isReady: () => Promise<boolean>,
  { signal, timeoutMs = 120_000 }: WaitOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isReady())) {
    signal?.throwIfAborted();
    if (child.hasExited()) throw startFailed(child, 'ended before it was ready');
    if (performance.now() > deadline) throw startFailed(child, `was not ready after ${timeoutMs / 1000} s`);
    await delay(pollMs);
  }
  // What answered may be a stranger on the same port while our own process just failed to bind it.
  if (child.hasExited()) throw startFailed(child, 'ended before it was ready');
}

function startFailed(child: Child, what: string): MangroveError {
  return new MangroveError(
    'SANDBOX_START_FAILED',
    `${child.name} ${what}; its log ${child.log} ends with:\n${logTail(child.log)}`,
  );
}

/** Runs `start` again, with fresh ports, while it fails because somebody else took one of its ports. */
export async function retryOnPortCollision<T>(
  log: string,
  start: () => Promise<T>,
  attempts = portAttempts,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === attempts || !/address already in use|EADDRINUSE/.test(readLog(log))) throw error;
    }
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
