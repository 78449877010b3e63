import { dump } from 'js-yaml';

/** One cluster with the one user that a context of the same name joins to it. */
export interface KubeconfigEntry {
  readonly name: string;
  readonly server: string;
  /** PEM; the only certificates that this cluster's server may present a chain to. */
  readonly certificateAuthority: string;
  readonly user: { readonly token: string } | { readonly tokenFile: string };
  /** Name of the user; the entry's own name unless given. */
  readonly userName?: string;
}

/** The YAML of a kubeconfig with one context for each entry; the first one is current. */
export function kubeconfigYaml(entries: readonly KubeconfigEntry[]): string {
  const userName = (entry: KubeconfigEntry) => entry.userName ?? `${entry.name}-admin`;
  return dump({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': entries[0]?.name ?? '',
    clusters: entries.map((entry) => ({
      name: entry.name,
      cluster: {
        server: entry.server,
        'certificate-authority-data': Buffer.from(entry.certificateAuthority).toString('base64'),
      },
    })),
    users: entries.map((entry) => ({ name: userName(entry), user: entry.user })),
    contexts: entries.map((entry) => ({
      name: entry.name,
      context: { cluster: entry.name, user: userName(entry) },
    })),
  });
}
