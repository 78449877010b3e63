import { Command, CommanderError } from 'commander';
import { errorCode, errorMessage, errorRow } from '#errors/error.ts';

interface Entry {
  readonly summary: string;
  /** Loads the command's file: starting one command must not cost the start of all others. */
  readonly load: () => Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  controller: {
    summary: 'run the product: issue certificates and publish their roots',
    load: async () => (await import('#cli/controller.ts')).controllerCommand(),
  },
  sandbox: {
    summary: 'start and end throw-away clusters on this machine, with Mangrove in them',
    load: async () => (await import('#cli/sandbox.ts')).sandboxCommand(),
  },
  demo: {
    summary: 'show on a real API server what Mangrove does',
    load: async () => (await import('#cli/demo.ts')).demoCommand(),
  },
  bundle: {
    summary: 'show published roots, compare two places, verify a certificate against one',
    load: async () => (await import('#cli/bundle.ts')).bundleCommand(),
  },
  crds: {
    summary: 'print the CustomResourceDefinitions',
    load: async () => (await import('#cli/crds.ts')).crdsCommand(),
  },
  version: {
    summary: 'print the version',
    load: async () => (await import('#cli/version.ts')).versionCommand(),
  },
};

const failed = 1;
const usage = 2;

/** Runs the command line; the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const program = new Command('mangrove')
    .description('A certificate authority and trust manager for Kubernetes.')
    .addHelpText('after', '\nExample:\n  mangrove sandbox up --dir /tmp/mangrove --detach')
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const wanted = args[0] === name || (args[0] === 'help' && args[1] === name);
    program.addCommand((wanted ? await load() : new Command(name)).summary(summary));
  }
  for (const command of program.commands) inheritSettings(command, program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    report(error);
    return failed;
  }
}

/** Commander leaves commands that were made elsewhere with their own ways, such as ending the process. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}

function report(error: unknown): void {
  const code = errorCode(error);
  const text =
    code === undefined
      ? `mangrove: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
      : `mangrove: ${code}: ${errorMessage(error)}\n${errorRow(error).fix}\n`;
  process.stderr.write(text);
}

process.exitCode = await main(process.argv.slice(2));
