import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { bundleCommand } from '#cli/bundle.ts';
import { errorTable } from '#errors/error.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { blocks, readPage, section } from './support/page.ts';

const page = readPage('docs/bundle-command.md');
const mangrove = join(packageRoot(), 'bin/mangrove');

/** What the README leaves behind, as long as its cluster runs. */
function preparation(): string[] {
  return blocks(section(readPage('README.md'), 'A certificate by hand'), 'sh')
    .map((block) => block.replace('make setup\n', '').replaceAll('bin/mangrove', mangrove))
    .filter((block) => !block.includes('sandbox down'));
}

/** Before each command its number goes out, so that what was printed can be told apart. */
function numbered(commands: readonly string[]): string {
  return commands.map((command, number) => `echo "#${number}"\n${command}`).join('\n');
}

const commands = blocks(page, 'sh').flatMap((block) => block.trimEnd().split('\n'));

test('every command of the page does what the page says', () => {
  const folder = scratchDirectory();
  const sandbox = join(folder, 'sandbox');
  const path = `export PATH=${join(packageRoot(), 'bin')}:"$PATH"`;
  const script = [path, ...preparation(), numbered(commands)].join('\n').replaceAll('/tmp/mangrove', sandbox);
  try {
    const printed = execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outputs = printed.split(/^#\d+\n/m).slice(1);
    expect(outputs).toHaveLength(commands.length);
    const of = (command: string): string => outputs[commands.findIndex((one) => one.includes(command))] ?? '';

    expect(of('bundle show')).toMatch(/^TrustBundle east\.test\n {2}trust domain {2}east\.test\n/);
    const told = JSON.parse(of('-o json')) as { trustBundles: { roots: { sha256: string }[] }[] };
    expect(told.trustBundles[0]?.roots).toHaveLength(1);
    expect(load(of('-o yaml'))).toMatchObject({ trustBundles: [{ name: 'east.test' }] });
    for (const alike of ['diff TrustBundle/east.test Cluster', 'demo/roots/ca.crt', 'roots.pem -'])
      expect(of(alike)).toMatch(/^alike: /);
    expect(of('roots other.pem')).toContain(told.trustBundles[0]?.roots[0]?.sha256);
    expect(of('roots other.pem')).toMatch(/^2 differences, 0 in common: .*\nexit code 79\n$/s);
    for (const good of ['--bundle TrustBundle/east.test', '--spiffe-id'])
      expect(of(good)).toMatch(/^verifies for serverAuth and clientAuth against TrustBundle\/east\.test /);
    expect(of('--at')).toMatch(/PATH_EXPIRED.*\nexit code 79\n$/s);
    expect(of('--bundle other.pem')).toMatch(/PATH_ISSUER_UNKNOWN.*\nexit code 79\n$/s);
    expect(of('--hostname')).toMatch(/PATH_NAME_MISMATCH.*\nexit code 79\n$/s);
  } finally {
    execFileSync(mangrove, ['sandbox', 'down', '--dir', sandbox]);
  }
}, 180_000);

test('the page names every option and every command, and codes that there are', () => {
  for (const command of bundleCommand().commands) {
    expect(page).toContain(`mangrove bundle ${command.name()}`);
    for (const { long, short } of command.options) expect(page).toContain(long ?? short);
  }
  const codes = [...page.matchAll(/\b(?:PATH|PLACE|VERIFY|BUNDLE)_[A-Z_]+\b/g)].map(([code]) => code);
  expect(codes.length).toBeGreaterThan(1);
  expect(codes.filter((code) => !Object.hasOwn(errorTable, code))).toEqual([]);
});
