import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { load } from 'js-yaml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '#sandbox/package-root.ts';
import { run } from '#sandbox/run.ts';
import { kubectlFor } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';

const mangrove = join(packageRoot(), 'bin', 'mangrove');
const sandbox = (...args: string[]) => run(mangrove, ['sandbox', ...args], { timeoutMs: 170_000 });

/** Every process that has the directory in its command line: servers, controllers and supervisors do. */
function processes(directory: string): { readonly pid: number; readonly command: string }[] {
  return execFileSync('ps', ['axo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(directory))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }));
}

function pidOf(directory: string, what: string): number {
  const found = processes(directory).find(({ command }) => command.includes(what));
  if (found === undefined) throw new Error(`no ${what} runs for ${directory}`);
  return found.pid;
}

const temporary = () => join(scratchDirectory('sandbox'), 'dir');

describe('two clusters, detached', () => {
  const directory = temporary();
  const kubectl = (context: string, ...args: string[]) =>
    kubectlFor({ kubeconfig: join(directory, 'kubeconfig') })(['--context', context, ...args]);
  let up: Awaited<ReturnType<typeof sandbox>>;

  beforeAll(async () => {
    up = await sandbox('up', '--clusters', '2', '--dir', directory, '--detach');
  });
  afterAll(() => sandbox('down', '--dir', directory));

  test('up says on one line that it is ready, and nothing else', () => {
    expect(up).toMatchObject({ code: 0, stderr: '' });
    expect(up.stdout).toMatch(/^ready.*east \(east\.test\), west \(west\.test\).*\n$/);
  });

  test('env gives a shell a kubectl and both contexts, with an administrator of east at first', async () => {
    const script = `eval "$("${mangrove}" sandbox env --dir "${directory}")"
      command -v kubectl; kubectl config current-context; kubectl config get-contexts -o name
      kubectl auth can-i '*' '*'`;
    const shell = await run('sh', ['-c', script]);
    expect(shell.stdout.split('\n')).toEqual([
      join(directory, 'bin', 'kubectl'),
      'east',
      'east',
      'west',
      'yes',
      '',
    ]);
    const json = await sandbox('env', '--dir', directory, '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({ KUBECONFIG: join(directory, 'kubeconfig') });
  });

  test('each cluster publishes the root of its own trust domain', async () => {
    const bundle = (name: string) =>
      kubectl(
        name,
        'get',
        'clustertrustbundle',
        `mangrove.dev:workload:${name}.test`,
        '-o',
        'jsonpath={.spec}',
      );
    const [east, west] = await Promise.all(['east', 'west'].map(bundle));
    expect(east).toContain('BEGIN CERTIFICATE');
    expect(west).toContain('BEGIN CERTIFICATE');
    expect(east).not.toBe(west);
  });

  test('ConfigMaps and Secrets with the roots can be had at once, and taken away again', async () => {
    const bundle = ['trustbundle', 'west.test'];
    const patch = (spec: object) =>
      kubectl('west', 'patch', ...bundle, '--type=merge', '--patch', JSON.stringify({ spec }));
    const placed = () =>
      kubectl(
        'west',
        'get',
        'configmap,secret',
        '-n',
        'default',
        '-l',
        'mangrove.dev/trust-bundle',
        '-o',
        'name',
      );
    const clusterTrustBundle = { signerName: 'mangrove.dev/workload' };
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'default' } };
    await patch({
      targets: [
        { clusterTrustBundle },
        { configMap: { name: 'roots', namespaceSelector } },
        { secret: { name: 'roots', namespaceSelector } },
      ],
      deletionPolicy: 'Delete',
    });
    await expect.poll(placed, { timeout: 30_000 }).toBe('configmap/roots\nsecret/roots\n');
    await patch({ targets: [{ clusterTrustBundle }] });
    await expect.poll(placed, { timeout: 30_000 }).toBe('');
  });

  test('the controller acts as its service account with a token bound to its pod, never as an administrator', () => {
    const events = readFileSync(join(directory, 'east', 'audit.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const publications = events.filter(
      ({ verb, objectRef }) =>
        objectRef?.resource === 'clustertrustbundles' && ['create', 'update', 'patch'].includes(verb),
    );
    expect(publications).not.toEqual([]);
    for (const { user } of publications) {
      expect(user.username).toBe('system:serviceaccount:mangrove-system:mangrove');
      expect(user.extra['authentication.kubernetes.io/pod-name']).toEqual(['mangrove-0']);
    }
  });

  test('any service account may ask for a certificate, and none may approve one', async () => {
    const as = ['--as=system:serviceaccount:shop:cart', '--as-group=system:serviceaccounts'];
    expect(await kubectl('east', 'auth', 'can-i', 'create', 'csr', ...as)).toBe('yes\n');
    await expect(
      kubectl('east', 'auth', 'can-i', 'update', 'csr', '--subresource=approval', ...as),
    ).rejects.toThrow();
  });

  test('a second up on the same directory is refused and disturbs nothing', async () => {
    const again = await sandbox('up', '--dir', directory, '--detach');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('SANDBOX_ALREADY_UP');
    expect(await kubectl('west', 'get', '--raw', '/readyz')).toBe('ok');
  });

  test('a controller that is killed is started again', async () => {
    const config = join(directory, 'east', 'mangrove-0', 'config.yaml');
    const before = pidOf(directory, config);
    process.kill(before, 'SIGKILL');
    await expect
      .poll(
        () => processes(directory).find(({ pid, command }) => command.includes(config) && pid !== before),
        {
          timeout: 30_000,
        },
      )
      .toBeDefined();
    const ready = async () => {
      const { http } = load(readFileSync(config, 'utf8')) as { http: { port: number } };
      return fetch(`http://127.0.0.1:${http.port}/readyz`).then(
        ({ status }) => status,
        () => undefined,
      );
    };
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
  });

  test('down leaves no process and no file, and succeeds when nothing is there', async () => {
    expect(processes(directory)).not.toEqual([]);
    expect(await sandbox('down', '--dir', directory)).toMatchObject({ code: 0 });
    expect(processes(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
    expect(await sandbox('down', '--dir', directory)).toMatchObject({ code: 0 });
    expect(await sandbox('env', '--dir', directory)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('SANDBOX_NOT_UP'),
    });
  });
});

describe('one at a time', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporary();
  });
  afterEach(() => sandbox('down', '--dir', directory));
  const nothingLeft = () =>
    expect.poll(() => processes(directory).map(({ command }) => command), { timeout: 60_000 }).toEqual([]);

  test('in the foreground: two replicas, one trust domain, JSON; SIGINT ends it and leaves nothing', async () => {
    const args = ['--replicas', '2', '--trust-domain', 'mesh.example', '--dir', directory, '-o', 'json'];
    const up = spawn(mangrove, ['sandbox', 'up', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(up.stdout), 'line');
    expect(JSON.parse(String(line))).toEqual({
      ready: true,
      kubeconfig: join(directory, 'kubeconfig'),
      clusters: [{ name: 'east', trustDomain: 'mesh.example' }],
    });
    const pods = await kubectlFor({ kubeconfig: join(directory, 'kubeconfig') })([
      'get',
      'pods',
      '--namespace=mangrove-system',
      '-o=name',
    ]);
    expect(pods).toBe('pod/mangrove-0\npod/mangrove-1\n');
    up.kill('SIGINT');
    expect(await once(up, 'exit')).toEqual([0, null]);
    expect(processes(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  }, 150_000);

  test('when the supervisor is killed its children end by themselves, and down removes the files', async () => {
    expect(await sandbox('up', '--dir', directory, '--detach')).toMatchObject({ code: 0 });
    process.kill(pidOf(directory, '--supervised'), 'SIGKILL');
    await nothingLeft();
    expect(existsSync(directory)).toBe(true);
    expect(await sandbox('down', '--dir', directory)).toMatchObject({ code: 0 });
    expect(existsSync(directory)).toBe(false);
  }, 150_000);

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'a start that gets %s half-way is taken back',
    async (signal) => {
      const up = spawn(mangrove, ['sandbox', 'up', '--dir', directory, '--detach'], { stdio: 'ignore' });
      await expect
        .poll(() => processes(directory).some(({ command }) => command.includes('kube-apiserver')), {
          timeout: 60_000,
        })
        .toBe(true);
      up.kill(signal);
      await once(up, 'exit');
      await nothingLeft();
      expect(existsSync(directory)).toBe(false);
    },
  );

  test('a directory with other files in it is refused', async () => {
    const parent = join(directory, '..');
    writeFileSync(join(parent, 'mine'), '');
    const up = await sandbox('up', '--dir', parent, '--detach');
    expect(up.code).toBe(1);
    expect(up.stderr).toContain('SANDBOX_DIR_FOREIGN');
    expect(await sandbox('down', '--dir', parent)).toMatchObject({ code: 0 });
    expect(existsSync(join(parent, 'mine'))).toBe(true);
  });

  test.each([
    [['up']],
    [['up', '--dir', 'x', '--clusters', '0']],
    [['up', '--dir', 'x', '--trust-domain', 'Not/One']],
    [['up', '--dir', 'x', '--replicas', 'many']],
    [['sideways']],
  ])('mangrove sandbox %j is a mistake of usage', async (args) => {
    expect(await sandbox(...args)).toMatchObject({ code: 2, stdout: '' });
  });
});
