import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { readPublishedFile } from '#bundles/controller/target-file.ts';
import { formats } from '#bundles/format/format.ts';
import { fileTargets, makeBundles } from '../support/file-target.ts';
import { pem } from '../support/roots.ts';

const { at, names, place, publish, refused, text } = fileTargets();
let one: Bundle;
let both: Bundle;
let other: Bundle;

beforeAll(async () => {
  ({ one, both, other } = await makeBundles());
});

describe('a file target', () => {
  it('is written, read back, and readable by everybody whatever the umask is', async () => {
    const umask = process.umask(0o077);
    onTestFinished(() => void process.umask(umask));
    expect(await publish(both)).toBe('created');
    expect(text()).toBe(both.pem);
    expect(statSync(at('roots.pem')).mode & 0o7777).toBe(0o644);
    expect(names()).toEqual(['roots.pem']);
    const held = await readPublishedFile(place());
    expect([...(held ?? []).keys()]).toEqual(both.anchors.map(({ sha256 }) => sha256));
  });

  it.each(Object.values(formats))('can be $name', async (format) => {
    expect(await publish(one, { format })).toBe('created');
    expect(text()).toBe(format.encode(one));
    expect(await publish(both, { format })).toBe('updated');
    expect(text()).toBe(format.encode(both));
    expect(await publish(both, { format })).toBe('unchanged');
  });

  it('is on disk before it gets its name, and so is the name afterwards', async () => {
    const file = await open(at(), 'r');
    const sync = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, 'sync');
    onTestFinished(() => sync.mockRestore());
    await file.close();
    const seen: string[] = [];
    sync.mockImplementation(async function (this: FileHandle) {
      seen.push((await this.stat()).isDirectory() ? 'directory' : `${(await this.stat()).size} bytes`);
    });
    const step = (name: string) => void seen.push(name);
    await publish(one, { step });
    expect(seen).toEqual([`${one.pem.length} bytes`, 'publish/write', 'directory', 'publish/read-back']);
  });

  it('is not touched while it holds the same set, however that is written', async () => {
    const same = both.anchors
      .toReversed()
      .map(({ der }) => pem(der).replaceAll('\n', '\r\n'))
      .join('\r\n');
    writeFileSync(at('roots.pem'), same);
    utimesSync(at('roots.pem'), 1_000_000, 1_000_000);
    utimesSync(at(), 1_000_000, 1_000_000);
    const look = () =>
      [at('roots.pem'), at()].map((path) => {
        const { ino, mtimeMs, ctimeMs } = lstatSync(path);
        return { ino, mtimeMs, ctimeMs };
      });
    const before = look();
    expect(await publish(both)).toBe('unchanged');
    expect(text()).toBe(same);
    expect(look()).toEqual(before);
  });

  it.each([
    ['damaged', () => one.pem.replace('E-----\n', 'E----\n')],
    ['empty', () => ''],
    ['larger than a bundle may be', () => one.pem.padEnd(1_048_577)],
    ['of another format', () => formats.jwks.encode(one)],
    ['not even text', () => Buffer.from([0xff, 0xfe, 0])],
  ])('that is %s holds nothing, and is replaced', async (_what, content) => {
    writeFileSync(at('roots.pem'), content());
    expect(await readPublishedFile(place())).toBeUndefined();
    expect(await publish(one, { growOnly: true })).toBe('updated');
    expect(text()).toBe(one.pem);
  });

  it('is not read when it is far too large to be one of ours', async () => {
    writeFileSync(at('roots.pem'), '');
    truncateSync(at('roots.pem'), 2 ** 33);
    expect(await publish(one)).toBe('updated');
  });

  it('loses no root while a source is unread', async () => {
    await publish(both);
    const [lost] = both.anchors.filter(({ sha256 }) => sha256 !== one.anchors[0].sha256);
    const message = new RegExp(`^file .*/roots.pem: a source .* anchors ${lost?.sha256.slice(0, 8)} stay`);
    await refused(publish(one, { growOnly: true }), 'BUNDLE_SOURCE_PENDING', message);
    expect(text()).toBe(both.pem);
    expect(await publish(one)).toBe('updated');
    expect(await publish(both, { growOnly: true })).toBe('updated');
  });

  it.each([
    ['wrote', () => writeFileSync(at('roots.pem'), other.pem)],
    ['damaged', () => writeFileSync(at('roots.pem'), one.pem.slice(1))],
    ['removed', () => rmSync(at('roots.pem'))],
  ])('that somebody else %s in the meantime is not taken for ours', async (_what, meddle) => {
    const step = (name: string) => {
      if (name === 'publish/read-back') meddle();
    };
    await refused(
      publish(one, { step }),
      'BUNDLE_TARGET_ALTERED',
      /roots\.pem was written, but read back it differs$/,
    );
  });

  it('is not there before it is written', async () => {
    expect(await readPublishedFile(place())).toBeUndefined();
  });
});

describe('the name of a file target', () => {
  it.each(['', '.', '..', '../roots.pem', 'a/roots.pem', '/etc/roots.pem', '.mangrove-x', '..data', 'a\0b'])(
    'is never %j',
    async (name) => {
      await refused(publish(one, { name }), 'BUNDLE_SPEC_INVALID', /is not the name of a file target$/);
      await expect(readPublishedFile(place(name))).rejects.toMatchObject({ code: 'BUNDLE_SPEC_INVALID' });
      expect(names()).toEqual([]);
    },
  );
});

describe('what is no file stays, and nothing is written through it:', () => {
  const elsewhere = () => at('..', 'elsewhere.pem');
  const cases: readonly [string, () => void | Promise<void>][] = [
    ['a directory', () => mkdirSync(at('roots.pem'))],
    ['a directory with something in it', () => mkdirSync(at('roots.pem', 'more'), { recursive: true })],
    ['a link to a file elsewhere', () => symlinkSync(elsewhere(), at('roots.pem'))],
    ['a link to a file beside it', () => symlinkSync('other.pem', at('roots.pem'))],
    ['a link to nothing', () => symlinkSync('nowhere', at('roots.pem'))],
    ['a link to itself', () => symlinkSync('roots.pem', at('roots.pem'))],
    ['a link to a directory', () => symlinkSync('..', at('roots.pem'))],
    ['a pipe', () => void execFileSync('mkfifo', [at('roots.pem')])],
    [
      'a socket',
      async () => {
        const server = createServer().listen(at('roots.pem'));
        onTestFinished(() => void server.close());
        await once(server, 'listening');
      },
    ],
  ];

  it.each(cases)('%s', async (_what, make) => {
    writeFileSync(elsewhere(), one.pem);
    writeFileSync(at('other.pem'), one.pem);
    await make();
    const before = lstatSync(at('roots.pem'));
    for (const bundle of [one, both]) {
      await expect(publish(bundle)).rejects.toMatchObject({
        code: 'BUNDLE_TARGET_FOREIGN',
        message: `file ${at('roots.pem')} exists and is no regular file`,
      });
    }
    await expect(readPublishedFile(place())).rejects.toMatchObject({ code: 'BUNDLE_TARGET_FOREIGN' });
    expect(lstatSync(at('roots.pem'))).toMatchObject({ ino: before.ino, mode: before.mode });
    expect(names()).toEqual(['other.pem', 'roots.pem']);
    for (const path of [elsewhere(), at('other.pem')]) expect(readFileSync(path, 'utf8')).toBe(one.pem);
  });

  it('a link that is put there at the last moment is replaced, not followed', async () => {
    writeFileSync(elsewhere(), other.pem);
    const step = (name: string) => {
      if (name === 'publish/write') symlinkSync(elsewhere(), at('roots.pem'));
    };
    expect(await publish(one, { step })).toBe('created');
    expect(lstatSync(at('roots.pem')).isFile()).toBe(true);
    expect(readFileSync(elsewhere(), 'utf8')).toBe(other.pem);
  });

  it('another name of the file keeps what it held', async () => {
    await publish(one);
    linkSync(at('roots.pem'), at('kept.pem'));
    await publish(both);
    expect(text('kept.pem')).toBe(one.pem);
  });
});
