import { readFileSync } from 'node:fs';
import { destination } from 'pino';
import { startMangrove } from '#main.ts';
import type { Config } from '#ops/config-schema.ts';
import { createLogger } from '#ops/log.ts';
import { stepNames } from '#step.ts';

/**
 * A replica in a process of its own, to be killed: `node replica-child.ts CONFIG LOG [STEP [COUNT]]`. With STEP it kills itself, by a
 * signal that it cannot handle, when that step is reached for the COUNTth time. Prints `listening PORT` when it is up.
 */
const [configPath = '', logPath = '', deadlyStep, count = '1'] = process.argv.slice(2);
let left = Number(count);

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by replica-process.ts from a Config
const config = JSON.parse(readFileSync(configPath, 'utf8')) as Config;
const mangrove = await startMangrove({
  config,
  // What one life of a replica said is told from what another did.
  log: createLogger(
    { replica: config.replica, log: { level: 'debug' } },
    destination({ dest: logPath, sync: true }),
  ).child({ pid: process.pid }),
  version: 'test',
  // What the one before it had sent waits for nothing but this machine, and not for the limits of a server that hangs.
  bundleTiming: { landingMs: 20_000 },
  async step(name) {
    // A step that nobody knows of is one that no test dies at.
    if (!stepNames.includes(name)) process.exit(70);
    if (name !== deadlyStep || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    // The signal may take a moment to arrive, in which nothing more must happen.
    await new Promise(() => undefined);
  },
});
process.on('SIGTERM', () => void mangrove.stop().then(() => process.exit(0)));
process.stdout.write(`listening ${mangrove.health.port}\n`);
