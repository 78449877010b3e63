import { createHash } from 'node:crypto';
import { chmod, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { Progress } from '#sandbox/progress.ts';
import { binaryNames } from '#sandbox/release.ts';
import { RouteMissing } from '#sandbox/route.ts';
import { run } from '#sandbox/run.ts';

const connectMs = 5_000;
const idleMs = 30_000;

export interface ArchiveSource {
  readonly platform: string;
  readonly archive: { readonly url: string; readonly sha512: string } | undefined;
}

/** Downloads the envtest archive into the directory, checks its SHA-512 and only then unpacks the binaries there. */
export async function fetchArchive(
  source: ArchiveSource,
  directory: string,
  progress: Progress,
): Promise<void> {
  const { archive } = source;
  if (archive === undefined) throw new RouteMissing(`no envtest archive is packed for ${source.platform}`);
  const body = await connect(archive.url);
  const file = join(directory, 'archive.tar.gz');
  await progress.step(`download ${archive.url}`, async () => {
    const sha512 = await save(body, file);
    if (sha512 === archive.sha512) return;
    throw new MangroveError(
      'SANDBOX_ARCHIVE_DIGEST',
      `${archive.url} has SHA-512 ${sha512}, not ${archive.sha512}`,
    );
  });
  await unpack(file, directory);
  await rm(file);
}

type Body = AsyncIterable<Uint8Array>;

/** Opens the download; whatever goes wrong before the first byte means that this machine has no such route. */
async function connect(url: string): Promise<{ body: Body; abort: AbortController }> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${connectMs / 1000} s`)), connectMs);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    return { body: response.body, abort };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new RouteMissing(`no route to ${url} (${errorMessage(cause)})`);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the download to a file; its SHA-512 in hex. A download that stalls or breaks off is a missing route too. */
async function save({ body, abort }: { body: Body; abort: AbortController }, path: string): Promise<string> {
  const hash = createHash('sha512');
  const file = await open(path, 'w');
  const stalled = () => abort.abort(new Error(`nothing arrived for ${idleMs / 1000} s`));
  let timer = setTimeout(stalled, idleMs);
  try {
    for await (const chunk of body) {
      clearTimeout(timer);
      timer = setTimeout(stalled, idleMs);
      hash.update(chunk);
      await file.write(chunk);
    }
  } catch (error) {
    throw new RouteMissing(`the download of the envtest archive broke off (${errorMessage(error)})`);
  } finally {
    clearTimeout(timer);
    await file.close();
  }
  return hash.digest('hex');
}

async function unpack(file: string, directory: string): Promise<void> {
  const members = binaryNames.map((name) => `controller-tools/envtest/${name}`);
  const args = ['-xzf', file, '-C', directory, '--strip-components=2', ...members];
  const { code, stderr } = await run('tar', args, { timeoutMs: 120_000 });
  if (code !== 0)
    throw new MangroveError('SANDBOX_ARCHIVE_DAMAGED', `tar ended with ${code}: ${stderr.trim()}`);
  await Promise.all(binaryNames.map((name) => chmod(join(directory, name), 0o755)));
}
