import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished } from 'vitest';
import { parseAnchor } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import { type FileOutcome, type FilePublication, publishFile } from '#bundles/controller/target-file.ts';
import { formats } from '#bundles/format/format.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { makeRoot } from './roots.ts';

const child = new URL('file-target-child.ts', import.meta.url).pathname;

export interface Bundles {
  readonly one: Bundle;
  /** With that of `one`. */
  readonly both: Bundle;
  readonly other: Bundle;
}

export async function makeBundles(): Promise<Bundles> {
  const [a, b, c] = await Promise.all([makeRoot(), makeRoot(), makeRoot()]);
  const of = (...roots: Buffer[]): Bundle =>
    makeBundle(
      'east.test',
      roots.map((der) => parseAnchor(der, 'root')),
    );
  return { one: of(a), both: of(a, b), other: of(c) };
}

/** A directory for file targets, new for each test of a file, and what tests do in it again and again. */
export function fileTargets() {
  let directory = '';

  beforeEach(() => {
    const home = scratchDirectory('file-target');
    chmodSync(home, 0o755);
    directory = join(home, 'targets');
    mkdirSync(directory);
  });

  const at = (...path: string[]): string => join(directory, ...path);
  const place = (name = 'roots.pem') => ({ directory, name, format: formats.pem });
  const publish = (bundle: Bundle, more: Partial<FilePublication> = {}): Promise<FileOutcome> =>
    publishFile({ ...place(), bundle, growOnly: false, now: Date.now(), ...more });

  return {
    at,
    place,
    publish,
    text: (name = 'roots.pem'): string => readFileSync(at(name), 'utf8'),
    names: (): string[] => readdirSync(directory),

    refused: async (publication: Promise<unknown>, code: string, message: RegExp): Promise<void> => {
      await expect(publication).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    },

    /** Arguments of a process that publishes these in turn, so often, and dies at the fatal step. */
    child: (times: number, fatal: string, ...bundles: readonly Bundle[]): string[] => {
      const files = bundles.map(({ sha256, pem }) => {
        const file = at('..', sha256);
        writeFileSync(file, pem);
        return file;
      });
      return [child, directory, String(times), fatal, ...files];
    },

    /** Rights mean nothing to root: become somebody for whom they do, and who can come here only from within. */
    asOrdinaryUser: (): void => {
      if (process.geteuid?.() !== 0) return;
      const before = process.cwd();
      process.chdir(at('..'));
      directory = 'targets';
      process.seteuid?.(65_534);
      onTestFinished(() => {
        process.seteuid?.(0);
        process.chdir(before);
      });
    },
  };
}
