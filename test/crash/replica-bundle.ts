import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import shipped from '../../rolldown.config.ts';

/** The replica that can be killed as one program, built as the shipped one is: it starts in a third of the time. */
export async function bundleReplica(directory: string): Promise<string> {
  const here = (path: string): string => new URL(path, import.meta.url).pathname;
  const bundle = await rolldown({
    input: {
      replica: here('../support/replica-child.ts'),
      'ledger-worker': here('../../src/ledger/worker.ts'),
    },
    platform: 'node',
  });
  const { output } = shipped as { readonly output: object };
  // A folder for each: to write one empties it first, and replicas of another file may be starting from theirs.
  const dir = mkdtempSync(join(directory, 'replica-bundle-'));
  await bundle.write({ ...output, dir });
  await bundle.close();
  return join(dir, 'replica.mjs');
}
