import { Command } from 'commander';
import { productVersion } from '#cli/version.ts';
import { advice, MangroveError } from '#errors/error.ts';
import { startMangrove } from '#main.ts';
import { loadConfig } from '#ops/config.ts';
import { configFields } from '#ops/config-schema.ts';
import { createLogger } from '#ops/log.ts';

/** `mangrove controller`: the product itself, as it runs in a cluster. */
export function controllerCommand(): Command {
  const command = new Command('controller')
    .description('Issue certificates and publish the roots that they chain to, until SIGTERM.')
    .option('--config <file>', 'YAML configuration; MANGROVE_* variables and flags stand over it')
    .addHelpText('after', '\nExample:\n  mangrove controller --config /etc/mangrove/config.yaml');
  for (const { flag, description } of configFields) command.option(`${flag} <value>`, description);
  return command.action(async (flags: Readonly<Record<string, unknown>>) => {
    const file = typeof flags.config === 'string' ? flags.config : undefined;
    const config = await loadConfig({ file, environment: process.env, flags });
    const log = createLogger(config);
    const ended = untilSignal();
    // Work that nobody waited for was lost by a bug of ours: better to start again than to limp on.
    process.on('unhandledRejection', (error) => {
      log.fatal({ err: error }, 'unhandled rejection');
      process.exit(1);
    });
    const mangrove = await startMangrove({ config, log, version: productVersion });
    const { namespace, authorities = 'all', bundlesWithoutAuthority } = config;
    const { port } = mangrove.health;
    log.info({ port, namespace, authorities, bundlesWithoutAuthority }, 'mangrove started');
    const end = await Promise.race([ended, mangrove.refused]);
    const refusal = end instanceof MangroveError ? end : undefined;
    if (refusal === undefined) log.info({ signal: end }, 'draining');
    else log.fatal({ code: refusal.code }, advice(refusal));
    await mangrove.stop();
    if (refusal !== undefined) throw refusal;
    log.info('mangrove ended');
  });
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
