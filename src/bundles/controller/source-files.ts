import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Anchor, MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import { readSelected } from '#bundles/controller/selection.ts';
import { named } from '#bundles/source/object.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';

/**
 * The anchors of one file, or of all files in a directory, below the directory that the configuration names. Names that begin with
 * a dot are passed by: the kubelet keeps the older content of a volume under one.
 * @param name one path segment: a TrustBundle must not make the controller read anything else (docs/security.md)
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_UNREADABLE, BUNDLE_SOURCE_TOO_LARGE, BUNDLE_PEM_INVALID, BUNDLE_ANCHOR_*
 */
export async function fileAnchors(directory: string, name: string): Promise<Anchor[]> {
  const path = join(directory, name);
  const found = await stat(path).catch((cause: unknown) => {
    throw isAbsent(cause)
      ? new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `there is no ${path}`, { cause })
      : unreadable(path, cause);
  });
  if (!found.isDirectory()) return named(path, await contentOf(path));
  const names = await entriesOf(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (names.length === 0) throw new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `${path} holds no file`);
  const contents = await readSelected(names, {
    kind: `files of ${path}`,
    read: contentOf,
    sizeOf: ({ length }) => length,
  });
  return names.flatMap((entry, index) => named(entry, contents[index] ?? ''));
}

/**
 * The kubelet changes a volume by one rename, of the link `..data` (pkg/volume/util/atomic_writer.go): what it points to is read,
 * so that no reading is half of each.
 */
async function entriesOf(path: string): Promise<string[]> {
  const content = await realpath(join(path, '..data')).catch(() => path);
  const names = (await readdir(content)).filter((entry) => !entry.startsWith('.'));
  return names.toSorted().map((entry) => join(content, entry));
}

/** A file that was in its directory a moment ago is no source that does not exist, even when it is gone now. */
async function contentOf(path: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    // A pipe would be read for ever.
    if (!found.isFile()) throw new Error('it is no file');
    if (found.size <= MAX_BUNDLE_BYTES) return await readFile(path);
    throw new MangroveError(
      'BUNDLE_PEM_INVALID',
      `${path} has ${found.size} bytes, more than ${MAX_BUNDLE_BYTES}`,
    );
  } catch (cause) {
    if (cause instanceof MangroveError) throw cause;
    throw unreadable(path, cause);
  }
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function unreadable(path: string, cause: unknown): MangroveError {
  return new MangroveError('BUNDLE_SOURCE_UNREADABLE', `${path}: ${errorMessage(cause)}`, { cause });
}
