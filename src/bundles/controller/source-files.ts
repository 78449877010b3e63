import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Anchor, MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import { named } from '#bundles/source/object.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';

/**
 * The anchors of one file, or of all files in a directory, below the directory that the configuration names. Names that begin with
 * a dot are passed by: the kubelet keeps the older content of a volume under one.
 * @param name one path segment: a TrustBundle must not make the controller read anything else (docs/security.md)
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_UNREADABLE, BUNDLE_PEM_INVALID, BUNDLE_ANCHOR_*
 */
export async function fileAnchors(directory: string, name: string): Promise<Anchor[]> {
  const path = join(directory, name);
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return await anchorsOf(path);
    const entries = (await readdir(path)).filter((entry) => !entry.startsWith('.')).toSorted();
    if (entries.length === 0) throw new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `${path} holds no file`);
    return (await Promise.all(entries.map((entry) => anchorsOf(join(path, entry))))).flat();
  } catch (cause) {
    if (cause instanceof MangroveError) throw cause;
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const code = absent ? 'BUNDLE_SOURCE_NOT_FOUND' : 'BUNDLE_SOURCE_UNREADABLE';
    throw new MangroveError(code, absent ? `there is no ${path}` : `${path}: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

async function anchorsOf(path: string): Promise<Anchor[]> {
  const { size } = await stat(path);
  if (size > MAX_BUNDLE_BYTES) {
    throw new MangroveError('BUNDLE_PEM_INVALID', `${path} has ${size} bytes, more than ${MAX_BUNDLE_BYTES}`);
  }
  return named(path, await readFile(path));
}
