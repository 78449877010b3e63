import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '#sandbox/lock.ts';
import type { Progress } from '#sandbox/progress.ts';

const abandonedMs = 60 * 60_000;

/**
 * Makes a directory by filling a new one beside it and renaming that: it is there whole or not at all. When several
 * processes want the same one, the others wait for the first.
 */
export async function fillDirectory(
  directory: string,
  progress: Progress,
  fill: (directory: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  await withLock(`${directory}.lock`, progress, async () => {
    if (existsSync(directory)) return;
    await removeAbandonedDrafts(directory);
    const draft = await mkdtemp(`${directory}.tmp-`);
    try {
      await fill(draft);
      await publish(draft, directory);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}

async function publish(draft: string, directory: string): Promise<void> {
  try {
    await rename(draft, directory);
  } catch (error) {
    // Somebody else published the same thing in this very moment, which is as good.
    if (!existsSync(directory)) throw error;
  }
}

/** What builds that were killed left behind: 200 MB each. */
async function removeAbandonedDrafts(directory: string): Promise<void> {
  const parent = dirname(directory);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(directory)}.tmp-`)) continue;
    const path = join(parent, name);
    const age = Date.now() - (await stat(path)).mtimeMs;
    if (age > abandonedMs) await rm(path, { recursive: true, force: true });
  }
}
