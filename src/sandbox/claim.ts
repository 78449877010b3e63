import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { MangroveError } from '#errors/error.ts';
import { groupGone, processGone } from '#sandbox/child.ts';
import { isUp, listenForEnd, requestEnd } from '#sandbox/ending.ts';
import { createState, readState, replaceState, type State } from '#sandbox/state.ts';

/** A process that has closed its last connection needs a moment more to end. */
const supervisorEndMs = 5_000;
/** Longer than any child's grace. */
const childrenEndMs = 30_000;

/** A directory that belongs to the one sandbox that this process runs. */
export interface Claim {
  readonly directory: string;
  /** Aborted when somebody asks the sandbox to end. */
  readonly endRequested: AbortSignal;
  addGroup(group: number): void;
  setReady(): void;
  /** Removes the directory; the last thing that a sandbox does. */
  release(): Promise<void>;
  /** Leaves the files for whoever wants to read the logs. */
  abandon(): Promise<void>;
}

/**
 * Takes a directory for a new sandbox. What one that was killed left there is removed first.
 * @throws MangroveError SANDBOX_ALREADY_UP, SANDBOX_DIR_FOREIGN
 */
export async function claimDirectory(directory: string): Promise<Claim> {
  await removeLeftovers(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const ending = new AbortController();
  const secret = randomBytes(24).toString('base64url');
  const told = new MangroveError('SANDBOX_INTERRUPTED', `the sandbox in ${directory} was told to end`);
  const listener = await listenForEnd(secret, () => ending.abort(told));
  let state: State = {
    port: listener.port,
    secret,
    supervisor: process.pid,
    groups: [],
    ready: false,
  };
  if (!createState(directory, state)) {
    listener.close();
    throw alreadyUp(directory);
  }
  const change = (part: Partial<State>) => {
    state = { ...state, ...part };
    replaceState(directory, state);
  };
  return {
    directory,
    endRequested: ending.signal,
    addGroup: (group) => change({ groups: [...state.groups, group] }),
    setReady: () => change({ ready: true }),
    async release() {
      await removeDirectory(directory);
      listener.close();
    },
    async abandon() {
      listener.close();
    },
  };
}

/**
 * Ends the sandbox of this directory, however it was left, and removes what it wrote; true when there was one.
 * @throws MangroveError SANDBOX_STOP_FAILED
 */
export async function endSandbox(directory: string): Promise<boolean> {
  const state = readState(directory);
  if (state === undefined) return false;
  const ended = await requestEnd(state);
  // Nothing to do after an orderly end; after a kill, the guards need a moment.
  const gone = await Promise.all(state.groups.map((group) => groupGone(group, childrenEndMs)));
  if (ended && state.supervisor !== process.pid) await processGone(state.supervisor, supervisorEndMs);
  await removeDirectory(directory);
  const left = state.groups.filter((_, index) => gone[index] === false);
  if (left.length === 0) return true;
  throw new MangroveError('SANDBOX_STOP_FAILED', `process groups ${left.join(', ')} did not end`);
}

/** @throws MangroveError SANDBOX_NOT_UP */
export async function requireSandbox(directory: string): Promise<void> {
  const state = readState(directory);
  if (state?.ready === true && (await isUp(state))) return;
  throw new MangroveError('SANDBOX_NOT_UP', `no sandbox that is ready runs in ${directory}`);
}

async function removeLeftovers(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const state = readState(directory);
  if (state !== undefined) {
    if (await isUp(state)) throw alreadyUp(directory);
    await endSandbox(directory);
  } else if (readdirSync(directory).length > 0) {
    throw new MangroveError('SANDBOX_DIR_FOREIGN', `${directory} has files in it that no sandbox made`);
  }
}

/** Repeats what fails because a process that is just ending still wrote a file. */
async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

function alreadyUp(directory: string): MangroveError {
  return new MangroveError('SANDBOX_ALREADY_UP', `a sandbox runs in ${directory}`);
}
