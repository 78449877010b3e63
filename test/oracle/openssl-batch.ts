import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inScratch } from '../support/scratch.ts';
import type { Run } from './openssl.ts';

/** Side by side: each takes 5 ms, most of which is its start. */
const script = `seq 0 $(($1 - 1)) | (shift; xargs -P 4 -n 64 sh -c '
  args=$0; for n; do openssl $args -in $n.in >$n.out 2>$n.err && : >$n.ok; done; :' "$*")`;

/** Runs the OpenSSL of the machine with the same arguments, none of which has a blank, once for each input. */
export function opensslEach(args: readonly string[], inputs: readonly (Uint8Array | string)[]): Run[] {
  if (inputs.length === 0) return [];
  return inScratch((folder) => {
    inputs.forEach((input, i) => writeFileSync(join(folder, `${i}.in`), input));
    const options = { cwd: folder, env: { ...process.env, TZ: 'UTC' }, encoding: 'utf8' } as const;
    const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', String(inputs.length), ...args], options);
    if (status !== 0) throw new Error(`openssl cannot be run: ${stderr}`);
    return inputs.map((_, i) => {
      const text = (end: string): string => readFileSync(join(folder, `${i}.${end}`), 'utf8');
      return { ok: existsSync(join(folder, `${i}.ok`)), stdout: text('out'), stderr: text('err') };
    });
  });
}
