import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file system of its own, of a few megabytes, that a test may fill or make read-only. */
export interface Volume {
  readonly directory: string;
  /** Leaves not a byte. */
  fill(): void;
  makeRoom(): void;
  setReadOnly(isReadOnly: boolean): void;
  remove(): void;
}

/** Undefined for whoever may not mount one: that takes root, on Linux. */
export function mountVolume(directory: string): Volume | undefined {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return undefined;
  mkdirSync(directory);
  const quiet = { stdio: 'ignore' } as const;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory], quiet);
  } catch {
    return undefined;
  }
  const filler = join(directory, 'filler');
  return {
    directory,
    fill() {
      // What is open may still give room back: until there is none left.
      for (let part = 0; statfsSync(directory).bavail > 0; part++) {
        const { bavail, bsize } = statfsSync(directory);
        mkdirSync(filler, { recursive: true });
        writeFileSync(join(filler, String(part)), Buffer.alloc(bavail * bsize));
      }
    },
    makeRoom: () => rmSync(filler, { recursive: true }),
    setReadOnly: (isReadOnly) =>
      void execFileSync('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, directory], quiet),
    remove: () => void execFileSync('umount', ['--lazy', directory], quiet),
  };
}
