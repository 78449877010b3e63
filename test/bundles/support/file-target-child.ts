import { readFileSync } from 'node:fs';
import { parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { publishFile } from '#bundles/controller/target-file.ts';
import { formats } from '#bundles/format/format.ts';

/**
 * A process that publishes the roots of these PEM files in turn, so often, and says of each on stdout how it went. At the
 * fatal step it is killed, with no chance to tidy up.
 */
const [directory = '', times = '1', fatal = '', ...files] = process.argv.slice(2);

const bundles = files.map((file) => makeBundle('east.test', parseAnchorsPem(readFileSync(file))));

/** Writes to a pipe are synchronous: a line that was said arrives, whatever happens to us after it. */
function say(line: unknown): void {
  process.stdout.write(`${String(line)}\n`);
}

function step(name: string): void {
  if (name === fatal) process.kill(process.pid, 'SIGKILL');
}

for (let round = 0; round < Number(times); round += 1) {
  for (const bundle of bundles) {
    try {
      const place = { directory, name: 'roots.pem', format: formats.pem };
      say(await publishFile({ ...place, bundle, growOnly: false, now: Date.now(), step }));
    } catch (error) {
      say(error instanceof Error && 'code' in error ? error.code : error);
    }
  }
}
