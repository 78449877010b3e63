import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';
import shipped from '../../rolldown.config.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { temporaryPlace } from './place.ts';

const place = temporaryPlace();
const execute = promisify(execFile);

const here = (name: string): string => new URL(name, import.meta.url).pathname;
const source = (name: string): string => new URL(`../../src/${name}`, import.meta.url).pathname;

/** The shipped settings, with a program that only records. */
async function bundled(programs: Record<string, string>): Promise<string> {
  const dir = scratchDirectory();
  const bundle = await rolldown({
    input: { ...programs, 'ledger-worker': source('ledger/worker.ts') },
    platform: 'node',
  });
  const { output } = shipped as { output: object };
  await bundle.write({ ...output, dir });
  return dir;
}

async function record(program: string): Promise<string> {
  const { stdout } = await execute(process.execPath, [program, place.path()]);
  return stdout;
}

it('finds its thread in a bundle that is one file', async () => {
  const dir = await bundled({ mangrove: here('record-once.ts') });
  expect(await record(join(dir, 'mangrove.mjs'))).toBe('recorded and found\n');
});

it('finds its thread in a bundle whose code was moved into chunks', async () => {
  const dir = await bundled({ mangrove: here('record-once.ts'), second: here('ledger-child.ts') });
  expect(await readdir(join(dir, 'chunks'))).toContainEqual(expect.stringMatching(/sqlite-ledger|records/));
  expect(await record(join(dir, 'mangrove.mjs'))).toBe('recorded and found\n');
});
