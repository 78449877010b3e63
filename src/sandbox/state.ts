import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from '#sandbox/ending.ts';

/** What a sandbox says of itself in its directory: where it listens, and what must be gone when it has ended. */
export interface State extends Address {
  /** The process that runs it: waited for, never signalled, as its number may be somebody else's by now. */
  readonly supervisor: number;
  /** Process groups of its children. */
  readonly groups: readonly number[];
  readonly ready: boolean;
}

const fileName = 'mangrove-sandbox.json';

export function readState(directory: string): State | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, fileName), 'utf8'));
  } catch {
    return undefined;
  }
}

export function replaceState(directory: string, state: State): void {
  renameSync(writeDraft(directory, state), join(directory, fileName));
}

/** False when there is one already: of two that create it in one moment, link lets one through. */
export function createState(directory: string, state: State): boolean {
  const draft = writeDraft(directory, state);
  try {
    linkSync(draft, join(directory, fileName));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

function writeDraft(directory: string, state: State): string {
  const draft = join(directory, `${fileName}.${randomUUID()}`);
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
  return draft;
}
