import { createHash } from 'node:crypto';
import type { TrustBundleSpec } from '#bundles/bundle/resource.ts';
import type {
  ClusterTrustBundleSpec,
  FileSpec,
  PlacementSpec,
  TargetSpec,
} from '#bundles/bundle/target-spec.ts';
import { clusterTrustBundleName } from '#bundles/target/cluster-trust-bundle.ts';
import { MangroveError } from '#errors/error.ts';
import { dnsSubdomain } from '#errors/syntax.ts';

/** Kinds of targets that are one object in each of many namespaces. */
export type PlacementKind = 'configMap' | 'secret';

interface Common {
  /** Of the object or file, with the default filled in. */
  readonly name: string;
  /** Gates wait for it. */
  readonly required: boolean;
}

export interface ClusterTrustBundleTarget extends Common {
  readonly kind: 'clusterTrustBundle';
  readonly spec: ClusterTrustBundleSpec;
}

export interface PlacementTarget extends Common {
  readonly kind: PlacementKind;
  readonly spec: PlacementSpec;
  /** It stands for ClusterTrustBundles, and nobody has asked for it by name. */
  readonly fallback?: true;
}

export interface FileTarget extends Common {
  readonly kind: 'file';
  readonly spec: FileSpec;
}

/** One target of a TrustBundle, by the name that it has in the cluster. */
export type NamedTarget = ClusterTrustBundleTarget | PlacementTarget | FileTarget;

/** What names each kind in messages. */
export const kindNames: Readonly<Record<NamedTarget['kind'], string>> = {
  clusterTrustBundle: 'ClusterTrustBundle',
  configMap: 'ConfigMap',
  secret: 'Secret',
  file: 'file',
};

export function isTargetKind(kind: string): kind is NamedTarget['kind'] {
  return Object.hasOwn(kindNames, kind);
}

export function isPlacementKind(kind: string): kind is PlacementKind {
  return kind === 'configMap' || kind === 'secret';
}

/** Identity of a target among all TrustBundles, such as `configMap/corporate-roots`. */
export function targetId({ kind, name }: Pick<NamedTarget, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

/**
 * The targets that a TrustBundle names.
 * @throws MangroveError BUNDLE_SPEC_INVALID when two of them are one object
 */
export function namedTargets({ trustDomain, targets }: TrustBundleSpec): readonly NamedTarget[] {
  const named = new Map<string, NamedTarget>();
  for (const spec of targets) {
    const target = namedTarget(spec, trustDomain);
    const id = targetId(target);
    if (named.has(id)) {
      throw new MangroveError(
        'BUNDLE_SPEC_INVALID',
        `spec.targets: two targets are the ${kindNames[target.kind]} ${target.name}`,
      );
    }
    named.set(id, target);
  }
  return [...named.values()];
}

function namedTarget(target: TargetSpec, trustDomain: string): NamedTarget {
  const { clusterTrustBundle, configMap, secret, file, required } = target;
  if (clusterTrustBundle !== undefined) {
    const name = clusterTrustBundleName(clusterTrustBundle, trustDomain);
    return { kind: 'clusterTrustBundle', name, required, spec: clusterTrustBundle };
  }
  if (configMap !== undefined) {
    const { name = configMapName(trustDomain) } = configMap;
    return { kind: 'configMap', name, required, spec: configMap };
  }
  if (secret !== undefined) return { kind: 'secret', name: secret.name, required, spec: secret };
  if (file !== undefined) return { kind: 'file', name: file.name, required, spec: file };
  throw new MangroveError('BUNDLE_SPEC_INVALID', 'spec.targets: a target is of no kind');
}

const stem = 'mangrove-trust-';
const maxName = 253;

/** `mangrove-trust-` and the trust domain, or `h-` and 16 hex digits of its SHA-256 where it cannot be part of a name. */
export function configMapName(trustDomain: string): string {
  const fits = stem.length + trustDomain.length <= maxName && dnsSubdomain.test(trustDomain);
  return `${stem}${fits ? trustDomain : hashed(trustDomain)}`;
}

/** `h-` and 16 hex digits of the SHA-256 of a text that cannot stand where it should. */
export function hashed(text: string): string {
  return `h-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
