import { mkdir, rmdir, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from '#sandbox/progress.ts';

const heartbeatMs = 2_000;
const staleMs = 30_000;
const pollMs = 200;

/**
 * Runs `work` while holding a lock: a directory whose modification time its holder renews. One that nobody renewed for
 * half a minute was left behind by a process that was killed, and is taken away; process ids would not tell, because
 * they are reused and mean nothing in another container. Two who take away the same stale lock in one moment may both
 * work; so what is done under the lock must be safe then too, and the lock only saves doing it twice.
 */
export async function withLock<T>(path: string, progress: Progress, work: () => Promise<T>): Promise<T> {
  let waiting = false;
  while (!(await tryCreate(path))) {
    if (!waiting) progress.note(`waiting for another process that holds ${path}`);
    waiting = true;
    if (await isStale(path)) await rmdir(path).catch(() => undefined);
    else await delay(pollMs);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rmdir(path).catch(() => undefined);
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleMs;
  } catch {
    return false;
  }
}
