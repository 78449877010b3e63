import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { packageRoot } from '#sandbox/package-root.ts';
import { run } from '#sandbox/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

const launcher = join(packageRoot(), 'bin', 'mangrove');
let directory: string;
beforeEach(() => {
  directory = scratchDirectory('with a space');
});

test('it finds the program through a chain of links, and runs it on the pinned Node', async () => {
  symlinkSync(launcher, join(directory, 'absolute'));
  symlinkSync('absolute', join(directory, 'relative'));
  const { code, stdout } = await run(join(directory, 'relative'), ['version', '-o', 'json'], {
    cwd: directory,
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ node: process.versions.node });
});

test('before set-up it says what to run, and where', async () => {
  mkdirSync(join(directory, 'bin'));
  cpSync(launcher, join(directory, 'bin', 'mangrove'));
  const { code, stderr } = await run(join(directory, 'bin', 'mangrove'), ['version']);
  expect(code).toBe(1);
  expect(stderr).toContain(`run \`make setup\` in ${directory}`);
});

test.each([
  [['--help'], 0],
  [['help', 'sandbox'], 0],
  [['sandbox', 'up', '--help'], 0],
  [['controller', '--help'], 0],
  [['version', '-o', 'xml'], 2],
  [['no-such-command'], 2],
  [['version', '--no-such-option'], 2],
])('%j ends with %i', async (args, code) => {
  const result = await run(launcher, args);
  expect(result.code).toBe(code);
  expect(code === 0 ? result.stdout : result.stderr).not.toBe('');
});

test.each(['controller', 'sandbox', 'demo', 'bundle', 'crds', 'version'])(
  'the help of %s has an example',
  async (command) => {
    const { stdout } = await run(launcher, [command, '--help']);
    expect(stdout).toContain(`Example:\n  `);
    expect(stdout).toContain(`mangrove ${command}`);
  },
);
