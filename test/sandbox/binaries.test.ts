import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BinarySources, resolveBinaries } from '#sandbox/binaries.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { type Progress, silentProgress } from '#sandbox/progress.ts';
import { archiveDigests, archivedVersion, binaryNames, builtVersion } from '#sandbox/release.ts';
import { scratchDirectory } from '../support/scratch.ts';

const platform = 'linux-test';
let root: string;
let servers: Server[] = [];

beforeEach(() => {
  root = scratchDirectory();
  mkdirSync(join(root, 'path'));
  // Not all of the machine's PATH: whether it has Go is for the test to say.
  for (const tool of ['sh', 'tar', 'gzip']) {
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
      join(root, 'path', tool),
    );
  }
});
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

const cache = () => join(root, 'cache', 'mangrove', 'controlplane');
const cached = (version: string) => join(cache(), `${version}-${platform}`);

function sources(change: Partial<BinarySources> = {}, env: NodeJS.ProcessEnv = {}): BinarySources {
  return {
    env: { PATH: join(root, 'path'), XDG_CACHE_HOME: join(root, 'cache'), ...env },
    platform,
    archive: undefined,
    ...change,
  };
}

function fillWithBinaries(directory: string, names: readonly string[] = binaryNames): string {
  mkdirSync(directory, { recursive: true });
  for (const name of names)
    writeFileSync(join(directory, name), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  return directory;
}

/** An archive laid out as the envtest project does it. */
function packArchive(): { readonly bytes: Buffer; readonly sha512: string } {
  fillWithBinaries(join(root, 'pack', 'controller-tools', 'envtest'));
  const file = join(root, 'archive.tar.gz');
  execFileSync('tar', ['-czf', file, '-C', join(root, 'pack'), 'controller-tools']);
  const bytes = readFileSync(file);
  return { bytes, sha512: createHash('sha512').update(bytes).digest('hex') };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}/envtest.tar.gz`;
}

function installGo(script: string): void {
  writeFileSync(join(root, 'path', 'go'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'path', 'go'), 0o755);
}

const go126 = 'if [ "$1" = env ]; then echo go1.26.8; exit 0; fi';

function recordedProgress(): Progress & { readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, note: (line) => lines.push(line), step: (name, work) => (lines.push(name), work()) };
}

test('KUBEBUILDER_ASSETS wins over the cache', async () => {
  fillWithBinaries(cached(builtVersion));
  const assets = fillWithBinaries(join(root, 'assets'));
  const found = await resolveBinaries(sources({}, { KUBEBUILDER_ASSETS: assets }), silentProgress);
  expect(found).toEqual({
    directory: assets,
    etcd: join(assets, 'etcd'),
    kubectl: join(assets, 'kubectl'),
    'kube-apiserver': join(assets, 'kube-apiserver'),
  });
});

test('an incomplete KUBEBUILDER_ASSETS is an error, not a reason to take something else', async () => {
  fillWithBinaries(cached(builtVersion));
  const assets = fillWithBinaries(join(root, 'assets'), ['etcd']);
  await expect(
    resolveBinaries(sources({}, { KUBEBUILDER_ASSETS: assets }), silentProgress),
  ).rejects.toMatchObject({
    code: 'SANDBOX_ASSETS_INCOMPLETE',
    message: expect.stringContaining('kubectl, kube-apiserver'),
  });
});

test.each([builtVersion, archivedVersion])('a cached %s is taken without asking anybody', async (version) => {
  fillWithBinaries(cached(version));
  let asked = 0;
  const url = await serve((_request, response) => void response.writeHead(500).end(String((asked += 1))));
  const found = await resolveBinaries(sources({ archive: { url, sha512: '' } }), silentProgress);
  expect(found.directory).toBe(cached(version));
  expect(asked).toBe(0);
});

test('a cache directory that somebody took a file out of is made again', async () => {
  const { bytes, sha512 } = packArchive();
  fillWithBinaries(cached(archivedVersion), ['etcd', 'kubectl']);
  const url = await serve((_request, response) => void response.end(bytes));
  const found = await resolveBinaries(sources({ archive: { url, sha512 } }), silentProgress);
  expect(found.directory).toBe(cached(archivedVersion));
  expect(existsSync(found['kube-apiserver'])).toBe(true);
});

test('the archive is downloaded, checked and unpacked into the cache, once', async () => {
  const { bytes, sha512 } = packArchive();
  let asked = 0;
  const url = await serve((_request, response) => {
    asked += 1;
    response.end(bytes);
  });
  const from = sources({ archive: { url, sha512 } });
  const found = await resolveBinaries(from, silentProgress);
  expect(found.directory).toBe(cached(archivedVersion));
  expect(execFileSync(found['kube-apiserver'], { encoding: 'utf8' })).toBe('kube-apiserver\n');
  expect(await resolveBinaries(from, silentProgress)).toEqual(found);
  expect(asked).toBe(1);
  expect(readdirSync(cache())).toEqual([`${archivedVersion}-${platform}`]);
  expect(readdirSync(found.directory).sort()).toEqual([...binaryNames].sort());
});

test('an archive with another digest is refused and nothing of it is kept, even where Go could build', async () => {
  const { bytes, sha512 } = packArchive();
  installGo(`${go126}; exit 1`);
  const url = await serve(
    (_request, response) => void response.end(Buffer.concat([bytes, Buffer.from([0])])),
  );
  await expect(resolveBinaries(sources({ archive: { url, sha512 } }), silentProgress)).rejects.toMatchObject({
    code: 'SANDBOX_ARCHIVE_DIGEST',
    message: expect.stringContaining(sha512),
  });
  expect(readdirSync(cache())).toEqual([]);
});

test('an archive of the right digest that is no archive is reported as damaged', async () => {
  const bytes = Buffer.from('<html>moved</html>');
  const sha512 = createHash('sha512').update(bytes).digest('hex');
  const url = await serve((_request, response) => void response.end(bytes));
  const from = sources({ archive: { url, sha512 } });
  await expect(resolveBinaries(from, silentProgress)).rejects.toMatchObject({
    code: 'SANDBOX_ARCHIVE_DAMAGED',
  });
  expect(readdirSync(cache())).toEqual([]);
});

test('without any route there is one message that names each reason', async () => {
  const url = await serve((_request, response) => void response.writeHead(404).end());
  const from = sources({ archive: { url, sha512: '' } });
  await expect(resolveBinaries(from, silentProgress)).rejects.toMatchObject({
    code: 'SANDBOX_NO_BINARIES',
    message: expect.stringMatching(/HTTP 404.*no Go on the PATH/),
  });
  expect(readdirSync(cache())).toEqual([]);
});

test.each([
  ['a host that refuses the connection', () => 'http://127.0.0.1:1/envtest.tar.gz'],
  ['a host that accepts it and never answers', () => serve(() => undefined)],
  [
    'a download that breaks off',
    () =>
      serve((_request, response) => {
        response.writeHead(200, { 'content-length': 1000 });
        response.write('x', () => response.destroy());
      }),
  ],
])('%s is a missing route: the next one is taken', async (_name, start) => {
  installGo('if [ "$1" = env ]; then echo go1.25.4; exit 0; fi');
  const from = sources({ archive: { url: await start(), sha512: '' } });
  await expect(resolveBinaries(from, silentProgress)).rejects.toMatchObject({
    code: 'SANDBOX_NO_BINARIES',
    message: expect.stringContaining('Go 1.25 is older than 1.26'),
  });
});

test('Go builds what cannot be downloaded, statically and with the version in it', async () => {
  installGo(`${go126}
while [ "$1" != -o ]; do flags="$flags $1"; shift; done
printf '%s|%s|%s|%s' "$CGO_ENABLED" "$flags" "$3" "$(pwd)" >"$2"; /bin/chmod 755 "$2"`);
  const progress = recordedProgress();
  const found = await resolveBinaries(sources(), progress);
  expect(found.directory).toBe(cached(builtVersion));
  const [cgo, flags, target, directory] = readFileSync(found['kube-apiserver'], 'utf8').split('|');
  expect(cgo).toBe('0');
  expect(flags).toContain('build -trimpath -ldflags -s -w');
  expect(flags).toContain(`-X k8s.io/component-base/version.gitVersion=v${builtVersion}`);
  expect(target).toBe('k8s.io/kubernetes/cmd/kube-apiserver');
  expect(directory).toBe(join(packageRoot(), 'controlplane'));
  expect(progress.lines).toEqual(expect.arrayContaining(binaryNames.map((name) => `build ${name}`)));
  expect(readdirSync(cache())).toEqual([`${builtVersion}-${platform}`]);
});

test('a build that fails quotes its log, keeps it, and leaves no half-filled directory', async () => {
  installGo(`${go126}; echo 'no space left on device' >&2; exit 3`);
  await expect(resolveBinaries(sources(), silentProgress)).rejects.toMatchObject({
    code: 'SANDBOX_BUILD_FAILED',
    message: expect.stringMatching(/build\.log ends with:\nno space left on device/),
  });
  expect(readdirSync(cache())).toEqual(['build.log']);
});

test('two who want the same binaries at once share one download', async () => {
  const { bytes, sha512 } = packArchive();
  let asked = 0;
  const url = await serve((_request, response) => {
    asked += 1;
    void delay(300).then(() => response.end(bytes));
  });
  const from = sources({ archive: { url, sha512 } });
  const [one, other] = [recordedProgress(), recordedProgress()];
  const found = await Promise.all([resolveBinaries(from, one), resolveBinaries(from, other)]);
  expect(found[0]).toEqual(found[1]);
  expect(asked).toBe(1);
  expect([...one.lines, ...other.lines].join('\n')).toContain('waiting for another process');
});

test('a lock that a killed process left behind is taken away, with what it had begun', async () => {
  const { bytes, sha512 } = packArchive();
  const url = await serve((_request, response) => void response.end(bytes));
  const lock = `${cached(archivedVersion)}.lock`;
  const draft = fillWithBinaries(`${cached(archivedVersion)}.tmp-abcdef`);
  mkdirSync(lock);
  const longAgo = new Date(Date.now() - 2 * 60 * 60_000);
  for (const path of [lock, draft]) utimesSync(path, longAgo, longAgo);
  const found = await resolveBinaries(sources({ archive: { url, sha512 } }), silentProgress);
  expect(existsSync(found.etcd)).toBe(true);
  expect(readdirSync(cache())).toEqual([`${archivedVersion}-${platform}`]);
});

test('the pins agree: go.mod builds the version that the code names, the archive is of the same minor version', () => {
  const goMod = readFileSync(join(packageRoot(), 'controlplane', 'go.mod'), 'utf8');
  expect(/^\tk8s\.io\/kubernetes v(\S+)/m.exec(goMod)?.[1]).toBe(builtVersion);
  expect(archivedVersion.split('.').slice(0, 2)).toEqual(builtVersion.split('.').slice(0, 2));
  for (const digest of Object.values(archiveDigests)) expect(digest).toMatch(/^[0-9a-f]{128}$/);
});
