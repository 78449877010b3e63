import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type OutputFormat, outputOption, print } from '#cli/output.ts';
import { packageRoot } from '#sandbox/package-root.ts';

/** The version that package.json gives. */
export function productVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(packageRoot(), 'package.json'), 'utf8'),
  );
  return version;
}

/** `mangrove version` */
export function versionCommand(): Command {
  return new Command('version')
    .description('Print the version of Mangrove and of what it runs on.')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  mangrove version -o json')
    .action(({ o: format }: { readonly o: OutputFormat }) => {
      const version = productVersion();
      const { node, openssl } = process.versions;
      print(format, { version, node, openssl }, `mangrove ${version} (Node ${node}, OpenSSL ${openssl})\n`);
    });
}
