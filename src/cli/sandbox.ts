import { delimiter, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type OutputFormat, outputOption, print } from '#cli/output.ts';
import { type UpOptions, up } from '#cli/sandbox-up.ts';
import { localSources, resolveBinaries } from '#sandbox/binaries.ts';
import { endSandbox, requireSandbox } from '#sandbox/claim.ts';
import { progressTo } from '#sandbox/progress.ts';

interface Common {
  readonly dir: string;
  readonly o: OutputFormat;
}

/** `mangrove sandbox` */
export function sandboxCommand(): Command {
  return new Command('sandbox')
    .description(
      'Throw-away clusters on this machine: real API servers, with Mangrove installed and running.',
    )
    .addHelpText('after', example('up --dir /tmp/mangrove --detach'))
    .addCommand(upCommand())
    .addCommand(downCommand())
    .addCommand(envCommand())
    .addCommand(installCommand());
}

function upCommand(): Command {
  return new Command('up')
    .description(
      'Start clusters and wait until Mangrove has published their roots. Stays until SIGINT or SIGTERM.',
    )
    .addOption(directoryOption('new or empty directory for everything that the sandbox writes'))
    .option('--clusters <n>', 'number of clusters: east, west, cluster-3 ...', count(16), 1)
    .option('--replicas <n>', 'controllers in each cluster', count(9), 1)
    .option(
      '--trust-domain <name>',
      'one trust domain for all, instead of east.test, west.test ...',
      trustDomain,
    )
    .option('--detach', 'return when it is ready, and leave it running until `sandbox down`', false)
    .addOption(new Option('--supervised <progress>').choices(['live', 'silent']).hideHelp())
    .addOption(outputOption())
    .addHelpText('after', example('up --clusters 2 --dir /tmp/mangrove --detach'))
    .action((options: UpOptions) => up({ ...options, dir: resolve(options.dir) }));
}

function downCommand(): Command {
  return new Command('down')
    .description('End a sandbox and remove its directory. Succeeds where none is.')
    .addOption(directoryOption('directory of the sandbox'))
    .addOption(outputOption())
    .addHelpText('after', example('down --dir /tmp/mangrove'))
    .action(async ({ dir, o: format }: Common) => {
      const ended = await endSandbox(resolve(dir));
      print(format, { ended }, ended ? 'ended\n' : 'nothing to end\n');
    });
}

function envCommand(): Command {
  return new Command('env')
    .description('Print what a shell needs to use a sandbox: KUBECONFIG, and a PATH with its kubectl.')
    .addOption(directoryOption('directory of the sandbox'))
    .addOption(outputOption())
    .addHelpText('after', `\nExample:\n  eval "$(mangrove sandbox env --dir /tmp/mangrove)"`)
    .action(async ({ dir, o: format }: Common) => {
      const directory = resolve(dir);
      await requireSandbox(directory);
      const KUBECONFIG = join(directory, 'kubeconfig');
      // kubectl's own place in the home directory would outlive the sandbox and mislead the next one on its port.
      const KUBECACHEDIR = join(directory, 'kubectl-cache');
      const bin = join(directory, 'bin');
      const path = `${quote(bin)}${delimiter}"$PATH"`;
      print(
        format,
        { KUBECONFIG, KUBECACHEDIR, PATH: [bin, process.env['PATH']].join(delimiter) },
        `export KUBECONFIG=${quote(KUBECONFIG)}\nexport KUBECACHEDIR=${quote(KUBECACHEDIR)}\nexport PATH=${path}\n`,
      );
    });
}

function installCommand(): Command {
  return new Command('install')
    .description(
      'Get the binaries of the control plane, by download or by a build; does nothing when they are there.',
    )
    .addOption(outputOption())
    .addHelpText('after', example('install'))
    .action(async ({ o: format }: { readonly o: OutputFormat }) => {
      const { directory } = await resolveBinaries(localSources(), progressTo(process.stderr));
      print(format, { directory }, `${directory}\n`);
    });
}

function directoryOption(description: string): Option {
  return new Option('--dir <directory>', description).makeOptionMandatory();
}

function example(args: string): string {
  return `\nExample:\n  mangrove sandbox ${args}`;
}

function count(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It is a number from 1 to ${max}.`);
  };
}

/** SPIFFE-ID.md §2.1. */
function trustDomain(text: string): string {
  if (/^[a-z0-9._-]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError('It has lower-case letters, digits, dots, dashes and underscores only.');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
