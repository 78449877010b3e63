import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '#sandbox/lock.ts';
import type { Progress } from '#sandbox/progress.ts';

const abandonedMs = 60 * 60_000;

export interface Filling {
  /** Whether the directory has all that it should have. */
  readonly isWhole: (directory: string) => boolean;
  readonly fill: (directory: string) => Promise<void>;
}

/**
 * Makes a directory by filling a new one beside it and renaming that: it is there whole or not at all. When several
 * processes want the same one, the others wait for the first. One that somebody took files out of is made again.
 */
export async function fillDirectory(
  directory: string,
  progress: Progress,
  { isWhole, fill }: Filling,
): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  await withLock(`${directory}.lock`, progress, async () => {
    if (isWhole(directory)) return;
    await rm(directory, { recursive: true, force: true });
    await removeAbandonedDrafts(directory);
    const draft = await mkdtemp(`${directory}.tmp-`);
    try {
      await fill(draft);
      await publish(draft, directory, isWhole);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}

async function publish(draft: string, directory: string, isWhole: Filling['isWhole']): Promise<void> {
  try {
    await rename(draft, directory);
  } catch (error) {
    // Somebody else published the same thing in this very moment, which is as good.
    if (!isWhole(directory)) throw error;
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
