import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { scratchDirectory } from './support/scratch.ts';

/** One import that each room must not have, and one that it may: the arrows of docs/architecture.md. */
const planted = [
  { file: 'src/errors/planted.ts', refused: '#kube/client.ts', allowed: '#x509/error.ts' },
  { file: 'src/x509/planted.ts', refused: '#errors/error.ts', allowed: '#x509/pem.ts' },
  { file: 'src/ledger/planted.ts', refused: '#ca/issuance/serial.ts', allowed: '#x509/pem.ts' },
  { file: 'src/ca/planted.ts', refused: '#kube/client.ts', allowed: '#ledger/ledger.ts' },
  { file: 'src/ca/issuance/controller.ts', refused: '#bundles/bundle/bundle.ts', allowed: '#kube/client.ts' },
  {
    file: 'src/ca/authority/controller/planted.ts',
    refused: '#csr/request/identity.ts',
    allowed: '#ops/log.ts',
  },
  { file: 'src/bundles/planted.ts', refused: '#ca/issuance/serial.ts', allowed: '#x509/certificate.ts' },
  { file: 'src/bundles/controller/planted.ts', refused: '#ledger/ledger.ts', allowed: '#kube/client.ts' },
  { file: 'src/csr/planted.ts', refused: '#kube/client.ts', allowed: '#ca/issuance/prepare.ts' },
  {
    file: 'src/csr/signing-request/controller.ts',
    refused: '#bundles/bundle/bundle.ts',
    allowed: '#kube/client.ts',
  },
  { file: 'src/kube/planted.ts', refused: '#x509/certificate.ts', allowed: '#errors/error.ts' },
  { file: 'src/ops/planted.ts', refused: '#kube/client.ts', allowed: '#errors/error.ts' },
  { file: 'src/sandbox/planted.ts', refused: '#kube/client.ts', allowed: '#errors/error.ts' },
  { file: 'src/ca/planted-main.ts', refused: '#main.ts', allowed: '#errors/error.ts' },
  { file: 'src/ca/planted-relative.ts', refused: './authority/phase.ts', allowed: '#ca/authority/phase.ts' },
];

const root = join(import.meta.dirname, '..');
let folder: string;

/** Lints one file that holds nothing but the import, where the project's own configuration applies to it. */
function lint(file: string, specifier: string): { readonly status: number | null; readonly output: string } {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `import * as planted from '${specifier}';\n\nexport const value = planted;\n`);
  const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--deny-warnings', file], {
    cwd: folder,
    encoding: 'utf8',
  });
  rmSync(path);
  return { status, output: stdout };
}

beforeAll(() => {
  folder = scratchDirectory();
  cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
});

describe('an import against the arrows is refused, one along them is not', () => {
  test.each(planted)('$file: $refused', ({ file, refused, allowed }) => {
    expect(lint(file, refused).output).toContain('no-restricted-imports');
    expect(lint(file, allowed)).toMatchObject({ status: 0 });
  });
});

test('every room has a planted violation', () => {
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const proven = new Set(planted.map(({ file }) => file.split('/')[1]));
  // cli/ may import everything: there is nothing to refuse.
  expect(rooms.map(({ name }) => name).filter((name) => name !== 'cli' && !proven.has(name))).toEqual([]);
});
