import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, lutimesSync, mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { readPublishedFile } from '#bundles/controller/target-file.ts';
import { fileTargets, makeBundles } from '../support/file-target.ts';

const minute = 60_000;
const temporary = (): string => `.mangrove-${randomUUID()}`;
const { at, asOrdinaryUser, child, names, place, publish, refused, text } = fileTargets();
let one: Bundle;
let both: Bundle;

beforeAll(async () => {
  ({ one, both } = await makeBundles());
});

describe('a disk at fault: the file keeps what it holds,', () => {
  it('where the directory is missing, or is none, until it is there', async () => {
    rmdirSync(at());
    await refused(
      publish(one),
      'BUNDLE_TARGET_UNWRITABLE',
      /^file .*\/targets\/roots\.pem: ENOENT: no such file or directory$/,
    );
    writeFileSync(at(), '');
    await refused(publish(one), 'BUNDLE_TARGET_UNWRITABLE', /roots\.pem: ENOTDIR: not a directory$/);
    rmSync(at());
    mkdirSync(at());
    expect(await publish(one)).toBe('created');
  });

  it('where the directory is read-only; what is right there is found right', async () => {
    await publish(one);
    writeFileSync(at(temporary()), '');
    chmodSync(at(), 0o555);
    asOrdinaryUser();
    await expect(publish(both, { now: Date.now() + 2 * minute })).rejects.toMatchObject({
      code: 'BUNDLE_TARGET_UNWRITABLE',
      message: `file ${at('roots.pem')}: EACCES: permission denied`,
    });
    expect(text()).toBe(one.pem);
    expect(await publish(one, { now: Date.now() + 2 * minute })).toBe('unchanged');
  });

  it('where the file cannot be read', async () => {
    await publish(one);
    chmodSync(at('roots.pem'), 0);
    asOrdinaryUser();
    await refused(publish(one), 'BUNDLE_TARGET_UNWRITABLE', /roots\.pem: EACCES: permission denied$/);
    await expect(readPublishedFile(place())).rejects.toMatchObject({ code: 'BUNDLE_TARGET_UNWRITABLE' });
  });

  it.runIf(process.platform === 'linux')('where there is no room for the new one', async () => {
    await publish(one);
    // A limit on the size of any file, in units of 512 bytes: less than two roots have.
    const limit = 'ulimit -S -f 1; exec "$0" "$@"';
    const { stdout } = spawnSync('sh', ['-c', limit, process.execPath, ...child(1, '', both)], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('BUNDLE_TARGET_UNWRITABLE\n');
    expect(text()).toBe(one.pem);
    expect(names()).toEqual(['roots.pem']);
  });
});

describe('a process that is killed', () => {
  const leftovers = () => names().filter((name) => name.startsWith('.mangrove-'));
  const killedAt = (step: string) => {
    const { signal, stdout } = spawnSync(process.execPath, child(1, step, both), { encoding: 'utf8' });
    expect({ signal, stdout }).toEqual({ signal: 'SIGKILL', stdout: '' });
  };

  it('before the rename leaves the old content, and a file that a later write removes', async () => {
    await publish(one);
    killedAt('publish/write');
    expect(text()).toBe(one.pem);
    expect(leftovers()).toHaveLength(1);
    // It might still be that of another writer.
    expect(await publish(both)).toBe('updated');
    expect(leftovers()).toHaveLength(1);
    expect(await publish(one, { now: Date.now() + 2 * minute })).toBe('updated');
    expect(names()).toEqual(['roots.pem']);
  });

  it('is tidied up after even when nothing has to be written', async () => {
    await publish(both);
    rmSync(at('roots.pem'));
    killedAt('publish/write');
    await publish(both);
    expect(await publish(both, { now: Date.now() + 2 * minute })).toBe('unchanged');
    expect(names()).toEqual(['roots.pem']);
  });

  it('after the rename leaves the new content', async () => {
    await publish(one);
    killedAt('publish/read-back');
    expect(text()).toBe(both.pem);
    expect(await publish(both)).toBe('unchanged');
  });

  it('is no reason to touch what is not ours', async () => {
    const old = (Date.now() - 2 * minute) / 1000;
    mkdirSync(at(temporary()));
    symlinkSync('other.pem', at(temporary()));
    const files = ['other.pem', '.mangrove', '.mangrove-notes', `${temporary()}.pem`, `x${temporary()}`];
    for (const name of files) writeFileSync(at(name), '');
    for (const name of names()) lutimesSync(at(name), old, old);
    const before = names();
    await publish(one);
    expect(names()).toEqual([...before, 'roots.pem'].toSorted());
  });
});

describe('several writers', () => {
  it('of one set all succeed', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => publish(both)));
    expect(outcomes).toContain('created');
    for (const outcome of outcomes) expect(outcome).toMatch(/^(created|unchanged)$/);
    expect(text()).toBe(both.pem);
    expect(names()).toEqual(['roots.pem']);
  });

  it('of different sets never leave half of one', async () => {
    await publish(one);
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, child(20, '', one, both), { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    const said = Promise.all(children.map(({ stdout }) => stdout.setEncoding('utf8').toArray()));
    const seen = new Set<string>();
    while (children.some(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      seen.add(text());
      await new Promise(setImmediate);
    }
    expect(seen).toEqual(new Set([one.pem, both.pem]));
    const lines = (await said).flat().join('').trim().split('\n');
    expect(lines).toHaveLength(120);
    for (const line of lines) expect(line).toMatch(/^(updated|unchanged|BUNDLE_TARGET_ALTERED)$/);
    expect(names()).toEqual(['roots.pem']);
  });
});
