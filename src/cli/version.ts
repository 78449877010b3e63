import { Command } from 'commander';
import { type OutputFormat, outputOption, print } from '#cli/output.ts';
import manifest from '#package.json' with { type: 'json' };

/** Of Mangrove: part of the bundle, so that the program needs no file beside it. */
export const productVersion: string = manifest.version;

/** `mangrove version` */
export function versionCommand(): Command {
  return new Command('version')
    .description('Print the version of Mangrove and of what it runs on.')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  mangrove version -o json')
    .action(({ o: format }: { readonly o: OutputFormat }) => {
      const { node, openssl } = process.versions;
      const text = `mangrove ${productVersion} (Node ${node}, OpenSSL ${openssl})\n`;
      print(format, { version: productVersion, node, openssl }, text);
    });
}
