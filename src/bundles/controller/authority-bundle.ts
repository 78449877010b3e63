import { createHash } from 'node:crypto';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '#bundles/target/cluster-trust-bundle.ts';
import { MangroveError } from '#errors/error.ts';
import { dnsSubdomain } from '#errors/syntax.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound, isAlreadyExists } from '#kube/error.ts';
import { trustBundles } from '#kube/resource.ts';

/** A CertificateAuthority, as far as its roots are published. */
export interface PublishedAuthority {
  readonly name: string;
  readonly trustDomain: string;
  readonly signerNames: readonly string[];
}

type RawSpec = TrustBundle['spec'];

const maxNameLength = 253;

/** The trust domain, or `h-` and 16 hex digits of its SHA-256 where it cannot name an object. */
export function trustBundleName(trustDomain: string): string {
  if (trustDomain.length <= maxNameLength && dnsSubdomain.test(trustDomain)) return trustDomain;
  return `h-${createHash('sha256').update(trustDomain).digest('hex').slice(0, 16)}`;
}

/**
 * Makes sure that the TrustBundle of the trust domain has the authority among its sources and a live ClusterTrustBundle
 * of each of its signer names among its targets. What else stands there, an operator added: it is left alone.
 * @throws MangroveError BUNDLE_SPEC_INVALID when the object is of another trust domain, KUBE_*
 */
export async function ensureAuthorityBundle(
  client: KubeClient,
  authority: PublishedAuthority,
): Promise<string> {
  const name = trustBundleName(authority.trustDomain);
  const current = (await read(client, name)) ?? (await create(client, name, authority));
  if (current.spec.trustDomain !== authority.trustDomain) {
    throw new MangroveError(
      'BUNDLE_SPEC_INVALID',
      `TrustBundle ${name} is of trust domain ${current.spec.trustDomain}`,
    );
  }
  const spec = withAuthority(current.spec, authority);
  if (spec !== current.spec) await client.update<TrustBundle>(trustBundles, { ...current, spec });
  return name;
}

/** How many roots of the authority its TrustBundle says to publish; by a consistent read. @throws MangroveError KUBE_* */
export async function countPublishedRoots(
  client: KubeClient,
  { name, trustDomain }: Pick<PublishedAuthority, 'name' | 'trustDomain'>,
): Promise<number> {
  const bundle = await read(client, trustBundleName(trustDomain));
  const source = `authority/${name}`;
  return bundle?.status?.anchors?.filter((anchor) => anchor.source === source).length ?? 0;
}

function read(client: KubeClient, name: string): Promise<TrustBundle | undefined> {
  return client.get<TrustBundle>(trustBundles, name).catch(ignoreNotFound);
}

async function create(client: KubeClient, name: string, authority: PublishedAuthority): Promise<TrustBundle> {
  const empty: RawSpec = { trustDomain: authority.trustDomain, sources: [], targets: [] };
  const bundle: TrustBundle = {
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'TrustBundle',
    metadata: { name },
    spec: withAuthority(empty, authority),
  };
  const labels = { [MANAGED_BY_LABEL]: MANAGED_BY };
  try {
    return await client.create(trustBundles, { ...bundle, metadata: { name, labels } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return await client.get<TrustBundle>(trustBundles, name);
  }
}

/** The very same object when nothing is missing. */
function withAuthority(spec: RawSpec, { name, signerNames }: PublishedAuthority): RawSpec {
  const hasSource = spec.sources.some(({ authority }) => authority?.name === name);
  const missing = signerNames.filter(
    (signerName) => !spec.targets.some((target) => isLive(target, signerName)),
  );
  if (hasSource && missing.length === 0) return spec;
  return {
    ...spec,
    sources: hasSource ? spec.sources : [...spec.sources, { authority: { name } }],
    targets: [...spec.targets, ...missing.map((signerName) => ({ clusterTrustBundle: { signerName } }))],
  };
}

function isLive({ clusterTrustBundle: target }: RawSpec['targets'][number], signerName: string): boolean {
  return target?.signerName === signerName && (target.channel ?? 'live') === 'live';
}
