import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { fileAnchors } from '#bundles/controller/source-files.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { makeRoot, pem } from '../support/roots.ts';

let directory: string;
let one: Buffer;
let two: Buffer;

beforeEach(async () => {
  directory = scratchDirectory('source-files');
  [one, two] = [await makeRoot(), await makeRoot()];
});

const at = (...path: string[]): string => join(directory, ...path);
const give = async (name: string): Promise<Buffer[]> =>
  (await fileAnchors(directory, name)).map(({ der }) => der);

/** As the kubelet lays out a volume: each content in a directory of its own, behind two links. */
function project(volume: string, version: string, files: Record<string, string>): void {
  mkdirSync(at(volume, version), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(at(volume, version, name), content);
  symlinkSync(version, at(volume, '..data_tmp'));
  renameSync(at(volume, '..data_tmp'), at(volume, '..data'));
}

describe('a file source', () => {
  it('is a file with one root or more', async () => {
    writeFileSync(at('corporate'), pem(one) + pem(two));
    expect(await give('corporate')).toEqual([one, two]);
  });

  it('may have 1,048,576 bytes', async () => {
    writeFileSync(at('corporate'), pem(one).padEnd(1_048_576, '\n'));
    expect(await give('corporate')).toEqual([one]);
  });

  it('is all files of a directory, but none whose name begins with a dot', async () => {
    mkdirSync(at('corporate'));
    writeFileSync(at('corporate', 'b.pem'), pem(two));
    writeFileSync(at('corporate', 'a.pem'), pem(one));
    writeFileSync(at('corporate', '.a.pem.swp'), 'garbage');
    mkdirSync(at('corporate', '..2026'));
    expect(await give('corporate')).toEqual([one, two]);
  });

  it('is read as the kubelet changes it: the new content and nothing of the old', async () => {
    project('volume', '..1', { 'a.pem': pem(one), 'b.pem': pem(one) });
    for (const name of ['a.pem', 'b.pem']) symlinkSync(join('..data', name), at('volume', name));
    expect(await give('volume')).toEqual([one, one]);
    project('volume', '..2', { 'a.pem': pem(two) });
    expect(await give('volume')).toEqual([two]);
    // The kubelet takes away last what is not there any more.
    rmSync(at('volume', 'b.pem'));
    rmSync(at('volume', '..1'), { recursive: true });
    expect(await give('volume')).toEqual([two]);
  });
});

describe('a file source that gives no root', () => {
  const cases: readonly [string, () => void, string, RegExp][] = [
    ['is not there', () => undefined, 'BUNDLE_SOURCE_NOT_FOUND', /^there is no .*corporate$/],
    [
      'is an empty directory',
      () => mkdirSync(at('corporate')),
      'BUNDLE_SOURCE_NOT_FOUND',
      /corporate holds no file$/,
    ],
    [
      'holds a link to nothing: that is not the absence of the source',
      () => {
        mkdirSync(at('corporate'));
        symlinkSync('nowhere', at('corporate', 'a.pem'));
      },
      'BUNDLE_SOURCE_UNREADABLE',
      /a\.pem: ENOENT/,
    ],
    [
      'cannot be read',
      () => symlinkSync('corporate', at('corporate')),
      'BUNDLE_SOURCE_UNREADABLE',
      /corporate: ELOOP/,
    ],
    [
      'holds a directory',
      () => mkdirSync(at('corporate', 'more'), { recursive: true }),
      'BUNDLE_SOURCE_UNREADABLE',
      /more: it is no file$/,
    ],
    [
      'is a pipe, which would be read for ever',
      () => execFileSync('mkfifo', [at('corporate')]),
      'BUNDLE_SOURCE_UNREADABLE',
      /corporate: it is no file$/,
    ],
    [
      'is damaged',
      () => writeFileSync(at('corporate'), `${pem(one)}a secret\n`),
      'BUNDLE_PEM_INVALID',
      /corporate: not a list of certificates: line \d+ is not the beginning of a PEM block$/,
    ],
    [
      'is larger than a bundle may be',
      () => writeFileSync(at('corporate'), Buffer.alloc(1_048_577, 'a')),
      'BUNDLE_PEM_INVALID',
      /has 1048577 bytes, more than 1048576$/,
    ],
  ];

  it.each(cases)('%s', async (_what, make, code, message) => {
    make();
    await expect(give('corporate')).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
