import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MangroveError } from '#errors/error.ts';
import { fetchArchive } from '#sandbox/archive.ts';
import { buildBinaries } from '#sandbox/build.ts';
import { fillDirectory } from '#sandbox/cache.ts';
import type { Progress } from '#sandbox/progress.ts';
import {
  archiveDigests,
  archivedVersion,
  archiveUrl,
  type BinaryName,
  binaryNames,
  builtVersion,
  platformName,
} from '#sandbox/release.ts';
import { RouteMissing } from '#sandbox/route.ts';

/** Absolute paths of the programs of a control plane, and the directory that holds all three. */
export type Binaries = Readonly<Record<BinaryName, string>> & { readonly directory: string };

export interface BinarySources {
  /** Environment: KUBEBUILDER_ASSETS, XDG_CACHE_HOME, PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** As Go writes it, e.g. `linux-amd64`. */
  readonly platform: string;
  /** Where the archive lies; undefined for a platform that none is packed for. */
  readonly archive: { readonly url: string; readonly sha512: string } | undefined;
}

/** The sources that this machine has. */
export function localSources(env: NodeJS.ProcessEnv = process.env): BinarySources {
  const platform = platformName(process.platform, process.arch);
  const sha512 = archiveDigests[platform];
  const archive = sha512 === undefined ? undefined : { url: archiveUrl(platform), sha512 };
  return { env, platform, archive };
}

/** The cache that all clones on this machine share. */
function cacheRoot(env: NodeJS.ProcessEnv): string {
  const base =
    env['XDG_CACHE_HOME'] === undefined || env['XDG_CACHE_HOME'] === ''
      ? join(env['HOME'] ?? homedir(), '.cache')
      : env['XDG_CACHE_HOME'];
  return join(base, 'mangrove', 'controlplane');
}

/** What is on this machine already: KUBEBUILDER_ASSETS or the cache; undefined when there is nothing. */
export function installedBinaries({ env, platform }: BinarySources): Binaries | undefined {
  const assets = env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '') {
    const missing = binaryNames.filter((name) => !isExecutable(join(assets, name)));
    if (missing.length === 0) return binariesIn(assets);
    throw new MangroveError(
      'SANDBOX_ASSETS_INCOMPLETE',
      `KUBEBUILDER_ASSETS=${assets} has no executable ${missing.join(', ')}`,
    );
  }
  return [builtVersion, archivedVersion]
    .map((version) => join(cacheRoot(env), `${version}-${platform}`))
    .filter(isWhole)
    .map(binariesIn)[0];
}

/**
 * Finds the binaries, in this order: KUBEBUILDER_ASSETS, the cache, the official envtest archive, a build from
 * controlplane/ with Go. Whatever is fetched or built goes into the cache.
 */
export async function resolveBinaries(sources: BinarySources, progress: Progress): Promise<Binaries> {
  const installed = installedBinaries(sources);
  if (installed !== undefined) return installed;
  const root = cacheRoot(sources.env);
  const reasons: string[] = [];
  const cached = async (version: string, fill: (directory: string) => Promise<void>) => {
    const directory = join(root, `${version}-${sources.platform}`);
    await fillDirectory(directory, progress, { isWhole, fill });
    return binariesIn(directory);
  };
  for (const route of [
    () => cached(archivedVersion, (directory) => fetchArchive(sources, directory, progress)),
    () => cached(builtVersion, (directory) => buildBinaries(sources.env, directory, progress)),
  ]) {
    try {
      return await route();
    } catch (error) {
      if (!(error instanceof RouteMissing)) throw error;
      progress.note(error.message);
      reasons.push(error.message);
    }
  }
  throw new MangroveError(
    'SANDBOX_NO_BINARIES',
    `no way to get kube-apiserver, etcd and kubectl for ${sources.platform}: ${reasons.join('; ')}`,
  );
}

function binariesIn(directory: string): Binaries {
  const path = (name: BinaryName) => join(directory, name);
  return {
    directory,
    etcd: path('etcd'),
    kubectl: path('kubectl'),
    'kube-apiserver': path('kube-apiserver'),
  };
}

function isWhole(directory: string): boolean {
  return binaryNames.every((name) => isExecutable(join(directory, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
