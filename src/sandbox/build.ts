import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MangroveError } from '#errors/error.ts';
import { logTail, startChild } from '#sandbox/child.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import type { Progress } from '#sandbox/progress.ts';
import { type BinaryName, binaryNames, binaryPackages, builtVersion } from '#sandbox/release.ts';
import { RouteMissing } from '#sandbox/route.ts';
import { run } from '#sandbox/run.ts';

const oldestGo = [1, 26] as const;

/** Builds the binaries into the directory from the Go module controlplane/, exactly as its go.sum pins it. */
export async function buildBinaries(
  env: NodeJS.ProcessEnv,
  directory: string,
  progress: Progress,
): Promise<void> {
  await requireGo(env);
  progress.note(
    `building the control plane ${builtVersion} from Go modules, once: about 8 minutes on 2 cores`,
  );
  const log = `${directory}.log`;
  for (const name of binaryNames) {
    await progress.step(`build ${name}`, () => build(env, name, directory, log));
  }
  await rm(log, { force: true });
}

async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const goenv = await run('go', ['env', 'GOVERSION'], { env, cwd: packageRoot() }).catch(() => undefined);
  const version = /^go(\d+)\.(\d+)/.exec(goenv?.stdout ?? '');
  if (version === null) throw new RouteMissing('no Go on the PATH');
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major > oldestGo[0] || (major === oldestGo[0] && minor >= oldestGo[1])) return;
  throw new RouteMissing(`Go ${major}.${minor} is older than ${oldestGo.join('.')}`);
}

async function build(
  env: NodeJS.ProcessEnv,
  name: BinaryName,
  directory: string,
  log: string,
): Promise<void> {
  const output = join(directory, name);
  // A guarded child: an interrupted set-up must not leave a linker with 2.4 GB behind.
  const child = await startChild({
    name: `go build ${name}`,
    command: 'go',
    args: ['build', '-trimpath', '-ldflags', linkerFlags(), '-o', output, binaryPackages[name]],
    env: { ...env, CGO_ENABLED: '0' },
    cwd: join(packageRoot(), 'controlplane'),
    log,
    graceSeconds: 1,
  });
  await child.exited;
  if (child.exitCode() === 0) return;
  const kept = join(directory, '..', 'build.log');
  await copyFile(log, kept);
  await rm(log, { force: true });
  throw new MangroveError(
    'SANDBOX_BUILD_FAILED',
    `go build ${name} failed; its log ${kept} ends with:\n${logTail(kept)}`,
  );
}

/** Without these `/version` answers a placeholder that clients cannot parse. */
function linkerFlags(): string {
  const [major, minor] = builtVersion.split('.');
  const set = (name: string, value: string | undefined) =>
    `-X k8s.io/component-base/version.${name}=${value}`;
  return [
    '-s -w',
    set('gitVersion', `v${builtVersion}`),
    set('gitMajor', major),
    set('gitMinor', minor),
  ].join(' ');
}
