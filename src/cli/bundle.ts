import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { compareHoldings } from '#bundles/bundle/comparison.ts';
import { overviewOf } from '#bundles/bundle/overview.ts';
import { type Place, parsePlace } from '#bundles/bundle/place.ts';
import { verifyAgainst } from '#bundles/bundle/verification.ts';
import type { ClusterOptions } from '#cli/bundle/cluster.ts';
import { PlaceReader } from '#cli/bundle/place-reader.ts';
import { comparisonText, overviewText, verificationText } from '#cli/bundle/text.ts';
import { foundSomething, type OutputFormat, outputOption, print } from '#cli/output.ts';
import { errorCode, errorMessage, errorRow } from '#errors/error.ts';
import { isDnsName } from '#x509/path/dns-name.ts';
import type { ExpectedName } from '#x509/path/expected-name.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';

type Common = ClusterOptions & { readonly o: OutputFormat };

const places =
  '\nA place is TrustBundle/NAME, ClusterTrustBundle/NAME, ConfigMap/NAMESPACE/NAME or ConfigMap/NAMESPACE/NAME/KEY,\nthe path of a PEM file, or - for standard input.\n';

/** `mangrove bundle` */
export function bundleCommand(): Command {
  return new Command('bundle')
    .description('What roots are published, how two places differ, whether a certificate verifies.')
    .addHelpText('after', example('show'))
    .addCommand(showCommand())
    .addCommand(diffCommand())
    .addCommand(verifyCommand());
}

function showCommand(): Command {
  return common(new Command('show'))
    .description('Show TrustBundles: their roots, where these come from and where they arrived.')
    .argument('[name]', 'only this TrustBundle')
    .addHelpText('after', example('show east.test'))
    .action(async (name: string | undefined, options: Common) => {
      const { openCluster } = await import('#cli/bundle/cluster.ts');
      const cluster = openCluster(options);
      try {
        const found = name === undefined ? await cluster.trustBundles() : [await cluster.trustBundle(name)];
        const trustBundles = found.map((bundle) => overviewOf(bundle, cluster.now()));
        if (trustBundles.length === 0) process.stderr.write('There is no TrustBundle.\n');
        print(options.o, { trustBundles }, overviewText(trustBundles));
      } finally {
        cluster.close();
      }
    });
}

function diffCommand(): Command {
  return common(new Command('diff'))
    .description('Compare the roots of two places, as sets. Exit code 0: alike, 79: they differ.')
    .addArgument(placeArgument('<a>', 'a place'))
    .addArgument(placeArgument('<b>', 'another place'))
    .addHelpText(
      'after',
      `${places}${example('diff TrustBundle/east.test ConfigMap/web/corporate-roots/ca.crt')}`,
    )
    .action(async (one: Place, other: Place, options: Common, command: Command) => {
      oneStandardInput(command, [one, other]);
      await reading(options, async (reader) => {
        const comparison = compareHoldings(await reader.holding(one), await reader.holding(other));
        print(options.o, comparison, comparisonText(comparison));
        return comparison.alike;
      });
    });
}

interface VerifyOptions extends Common {
  readonly bundle: Place;
  readonly at?: number;
  readonly hostname?: ExpectedName;
  readonly spiffeId?: ExpectedName;
}

function verifyCommand(): Command {
  return common(new Command('verify'))
    .description(
      'Verify a certificate, with the intermediates that follow it in its file, against the roots of a place. Exit code 0: it verifies, 79: it does not.',
    )
    .addArgument(
      new Argument('<certificate>', 'PEM file with the leaf first, or -').argParser(argument(filePlace)),
    )
    .addOption(
      new Option('--bundle <place>', 'where the roots are')
        .argParser(argument(parsePlace))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--at <time>',
        'moment to judge at, such as 2030-01-31T12:00:00Z; now when absent',
      ).argParser(argument(moment)),
    )
    .addOption(
      new Option('--hostname <name>', 'the leaf must be a server with this DNS name')
        .argParser(argument(hostName))
        .conflicts('spiffeId'),
    )
    .addOption(
      new Option('--spiffe-id <id>', 'the leaf must have this SPIFFE ID').argParser(argument(spiffeId)),
    )
    .addHelpText('after', `${places}${example('verify web.pem --bundle TrustBundle/east.test')}`)
    .action(async (certificate: Place, options: VerifyOptions, command: Command) => {
      const { bundle, at = Math.floor(Date.now() / 1000), hostname, spiffeId } = options;
      oneStandardInput(command, [certificate, bundle]);
      await reading(options, async (reader) => {
        const { certificates: presented } = await reader.certificates(certificate);
        const verification = verifyAgainst({
          presented,
          bundle: await reader.certificates(bundle),
          at,
          expected: hostname ?? spiffeId,
        });
        print(options.o, verification, verificationText(verification));
        return verification.valid;
      });
    });
}

function common(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the cluster; default as kubectl')
    .option('--context <name>', 'context of the kubeconfig')
    .addOption(outputOption());
}

/** Ends with the exit code of findings unless all is well. */
async function reading(
  options: ClusterOptions,
  work: (reader: PlaceReader) => Promise<boolean>,
): Promise<void> {
  const reader = new PlaceReader(options);
  try {
    if (!(await work(reader))) process.exitCode = foundSomething;
  } finally {
    await reader.close();
  }
}

function placeArgument(name: string, description: string): Argument {
  return new Argument(name, description).argParser(argument(parsePlace));
}

/** What cannot be read is a mistake in the command line, and ends as one. */
function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      throw new InvalidArgumentError(`${code}: ${errorMessage(error)}. ${errorRow(error).fix}`);
    }
  };
}

function oneStandardInput(command: Command, given: readonly Place[]): void {
  if (given.filter(({ kind }) => kind === 'stdin').length > 1)
    command.error('error: standard input can be read only once');
}

function filePlace(text: string): Place {
  return text === '-' ? { kind: 'stdin', text } : { kind: 'file', path: text, text };
}

/** RFC 3339; epoch seconds. */
function moment(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isTime ? Math.floor(Date.parse(text) / 1000) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('It is a time as in RFC 3339, such as 2030-01-31T12:00:00Z.');
  return at;
}

function hostName(text: string): ExpectedName {
  if (!isDnsName(text)) throw new InvalidArgumentError('It is a DNS name, not an address or a URL.');
  return { kind: 'dns', value: text };
}

function spiffeId(text: string): ExpectedName {
  return { kind: 'spiffe', id: parseSpiffeId(text) };
}

function example(args: string): string {
  return `\nExample:\n  mangrove bundle ${args}`;
}
