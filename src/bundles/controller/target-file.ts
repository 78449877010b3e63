import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import { type Bundle, isSetOf } from '#bundles/bundle/bundle.ts';
import type { Format } from '#bundles/format/format.ts';
import { requireGrowth } from '#bundles/target/growth.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { Step } from '#step.ts';

/** One entry of the directory that the configuration names. */
export interface FilePlace {
  readonly directory: string;
  /** One path segment: a TrustBundle must not make the controller write anything else (docs/security.md). */
  readonly name: string;
  readonly format: Format;
}

export interface FilePublication extends FilePlace {
  readonly bundle: Bundle;
  /** True while a source is unread: then nothing may leave the file. */
  readonly growOnly: boolean;
  /** Wall clock, ms. */
  readonly now: number;
  readonly step?: Step | undefined;
}

export type FileOutcome = 'unchanged' | 'created' | 'updated';

const readableByAll = 0o644;
/** No target has such a name: those of targets begin with a letter or a digit. */
const temporaryPrefix = '.mangrove-';
const temporaryName = /^\.mangrove-[0-9a-f-]{36}$/;
/**
 * So much later a temporary file is one that nobody finishes. A writer that is slower still finds it gone, fails, and tries
 * again.
 */
const leftoverMs = 60_000;

/**
 * Makes the file what it should be: reads it, replaces it on a difference of the sets alone, and reads it back. Anything else of
 * that name stays: a link would lead out of the directory, and a directory is somebody's.
 * @throws MangroveError BUNDLE_SPEC_INVALID, BUNDLE_TOO_LARGE, BUNDLE_TARGET_FOREIGN, BUNDLE_TARGET_UNWRITABLE,
 * BUNDLE_TARGET_ALTERED, BUNDLE_SOURCE_PENDING
 */
export async function publishFile(publication: FilePublication): Promise<FileOutcome> {
  const { directory, format, bundle, growOnly, now, step } = publication;
  const path = pathOf(publication);
  const text = format.encode(bundle);
  await removeLeftovers(directory, now);
  const held = await contentOf(path);
  const certificates = held === undefined ? undefined : format.decode(held);
  if (isSetOf(certificates, bundle)) return 'unchanged';
  if (growOnly) requireGrowth(`file ${path}`, certificates?.keys() ?? [], bundle);
  await replace(path, text, publication);
  await step?.('publish/read-back');
  if (isSetOf(await readPublishedFile(publication), bundle))
    return held === undefined ? 'created' : 'updated';
  throw new MangroveError('BUNDLE_TARGET_ALTERED', `file ${path} was written, but read back it differs`);
}

/**
 * The certificates in the file, by fingerprint; undefined when it is not there, or not to be read strictly.
 * @throws MangroveError BUNDLE_SPEC_INVALID, BUNDLE_TARGET_FOREIGN, BUNDLE_TARGET_UNWRITABLE
 */
export async function readPublishedFile(place: FilePlace): Promise<ReadonlyMap<string, Buffer> | undefined> {
  const held = await contentOf(pathOf(place));
  return held === undefined ? undefined : place.format.decode(held);
}

function pathOf({ directory, name }: FilePlace): string {
  if (/^[^./\0][^/\0]*$/.test(name)) return join(directory, name);
  throw new MangroveError('BUNDLE_SPEC_INVALID', `${JSON.stringify(name)} is not the name of a file target`);
}

/** Undefined: there is none. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    // A pipe would be waited for until somebody writes to it.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw foreign(path);
      // No bundle is so long: it is replaced unread.
      return found.size > MAX_BUNDLE_BYTES ? '' : await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT') return undefined;
    // A link, and a socket.
    throw code === 'ELOOP' || code === 'ENXIO' ? foreign(path) : failure(path, cause);
  }
}

/**
 * By a rename, which follows no link: whoever reads gets the old set or the new one, whenever he looks and whatever becomes of
 * us. It is the write; what comes before leaves a temporary file at most.
 */
async function replace(path: string, text: string, { directory, step }: FilePublication): Promise<void> {
  const temporary = join(directory, `${temporaryPrefix}${randomUUID()}`);
  try {
    await create(temporary, text);
    await step?.('publish/write');
    await rename(temporary, path);
    await sync(directory);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw failure(path, cause);
  }
}

/** On disk when it returns: a rename that outlives a power cut must not lead to a file that does not. */
async function create(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', readableByAll);
  try {
    // The umask may have taken rights away.
    await file.chmod(readableByAll);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sync(directory: string): Promise<void> {
  const opened = await open(directory, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/** What processes left that were killed before their rename. That it cannot be removed is no reason not to publish. */
async function removeLeftovers(directory: string, now: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (!temporaryName.test(name)) continue;
    const path = join(directory, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() && found.mtimeMs < now - leftoverMs)
      await rm(path, { force: true }).catch(() => undefined);
  }
}

function foreign(path: string): MangroveError {
  return new MangroveError('BUNDLE_TARGET_FOREIGN', `file ${path} exists and is no regular file`);
}

/** Without the path of the call, which names a temporary file: a fault that stays the same is told once. */
function failure(path: string, cause: unknown): unknown {
  if (systemCode(cause) === undefined) return cause;
  const [what] = errorMessage(cause).split(',', 1);
  return new MangroveError('BUNDLE_TARGET_UNWRITABLE', `file ${path}: ${what}`, { cause });
}

/** Such as ENOENT; undefined for an error that the operating system did not give. */
function systemCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error && 'syscall' in cause && 'code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
