import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';

/** A directory that goes when the run ends, however its tests did; see global-setup.ts. */
export function scratchDirectory(name = 'scratch'): string {
  return mkdtempSync(join(inject('scratch'), `${name}-`));
}

/** Lends a directory that goes at once: for what is done thousands of times in a run. */
export function inScratch<T>(work: (directory: string) => T): T {
  const directory = scratchDirectory();
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
