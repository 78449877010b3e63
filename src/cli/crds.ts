import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { dump } from 'js-yaml';
import { TrustBundleResource } from '#bundles/bundle/resource.ts';
import { CertificateAuthorityResource } from '#ca/authority/resource.ts';
import { type CustomResource, customResourceDefinition } from '#kube/crd.ts';

const resources: readonly CustomResource[] = [CertificateAuthorityResource, TrustBundleResource];

/** Every CustomResourceDefinition as a file: its name and its YAML. */
export function crdFiles(): { readonly name: string; readonly yaml: string }[] {
  return resources.map((resource) => ({
    name: `${resource.plural}.yaml`,
    yaml: dump(customResourceDefinition(resource), { lineWidth: -1, noRefs: true }),
  }));
}

interface CrdsOptions {
  readonly output?: string;
  readonly o: 'text' | 'json' | 'yaml';
}

/** `mangrove crds`: what `kubectl apply` needs before the first CertificateAuthority. */
export function crdsCommand(): Command {
  return new Command('crds')
    .summary('print the CustomResourceDefinitions')
    .description('Print the CustomResourceDefinitions of this version, or write one file for each.')
    .option('--output <dir>', 'write one YAML file per resource into this directory instead of printing')
    .addOption(
      new Option('-o <format>', 'format to print in; text is yaml')
        .choices(['text', 'json', 'yaml'])
        .default('text'),
    )
    .addHelpText('after', '\nExample:\n  mangrove crds | kubectl apply -f -')
    .action(async ({ output, o }: CrdsOptions) => {
      if (output === undefined) return print(o);
      await mkdir(output, { recursive: true });
      await Promise.all(crdFiles().map(({ name, yaml }) => writeFile(join(output, name), yaml)));
    });
}

function print(format: CrdsOptions['o']): void {
  const text =
    format === 'json'
      ? `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: resources.map(customResourceDefinition) }, undefined, 2)}\n`
      : crdFiles()
          .map(({ yaml }) => `---\n${yaml}`)
          .join('');
  process.stdout.write(text);
}
