import type { TrustBundleSpec } from '#bundles/bundle/resource.ts';
import { type SourceSpec, sourceKey } from '#bundles/bundle/source-spec.ts';
import { readSelected } from '#bundles/controller/selection.ts';
import type { ServedApi } from '#bundles/controller/served-api.ts';
import { fileAnchors } from '#bundles/controller/source-files.ts';
import type { SourceObjectKind, SourceObjects } from '#bundles/controller/source-objects.ts';
import { type AuthorityLookup, authorityAnchors } from '#bundles/source/authority.ts';
import { clusterTrustBundleAnchors, isMeant, type Reader } from '#bundles/source/cluster-trust-bundle.ts';
import { named, objectAnchors, type SourceObject } from '#bundles/source/object.ts';
import { publicRoots } from '#bundles/source/public-roots.ts';
import type { Source, SourceContent } from '#bundles/source/source.ts';
import { namedTargets } from '#bundles/target/named-target.ts';
import { OWNER_LABEL, ownerLabel } from '#bundles/target/placed-object.ts';
import { MangroveError } from '#errors/error.ts';

/** Where sources of each kind are read from. */
export interface SourcePlaces {
  readonly authorities: AuthorityLookup;
  readonly objects: SourceObjects;
  /** Namespace of `objects`. */
  readonly namespace: string;
  readonly api: Pick<ServedApi, 'cache' | 'resource' | 'whole'>;
  /** Whether the watch of ClusterTrustBundles can be believed. */
  readonly isFresh: () => boolean;
  /** Of file sources. */
  readonly directory: string;
}

/** Files tell nobody that they changed. */
const filePollSeconds = 10;

/** The sources that a TrustBundle names. */
export function sourcesOf(owner: string, spec: TrustBundleSpec, places: SourcePlaces): Source[] {
  const { sources, trustDomain } = spec;
  const targets = namedTargets(spec)
    .filter(({ kind }) => kind === 'clusterTrustBundle')
    .map(({ name }) => name);
  return sources.map((source) => sourceOf(source, { name: owner, trustDomain, targets }, places));
}

function sourceOf(spec: SourceSpec, reader: Reader, places: SourcePlaces): Source {
  const { kind, name } = sourceKey(spec);
  const { optional, keepLastSeconds, retainSeconds = 0, retainUntil: until, include, exclude } = spec;
  const retainUntil = until === undefined || until === 'Expired' ? until : Date.parse(until);
  return {
    name: `${kind}/${name}`,
    terms: { optional, keepLastSeconds, retainSeconds, retainUntil, include, exclude },
    ...(kind === 'file' && { pollSeconds: filePollSeconds }),
    read: () => read(spec, reader, places),
  };
}

async function read(spec: SourceSpec, reader: Reader, places: SourcePlaces): Promise<SourceContent> {
  const { authority, configMap, secret, inline, file, clusterTrustBundle, publicRoots: roots } = spec;
  if (authority !== undefined) {
    const found = places.authorities(authority.name);
    return { anchors: authorityAnchors(authority.name, reader.trustDomain, found) };
  }
  if (configMap !== undefined) return readObjects('configMap', configMap, reader, places);
  if (secret !== undefined) return readObjects('secret', secret, reader, places);
  if (inline !== undefined) return { anchors: named(`inline ${inline.name}`, inline.pem) };
  if (file !== undefined) return { anchors: await fileAnchors(places.directory, file.name) };
  if (clusterTrustBundle !== undefined) {
    const meant = published(places).filter((object) => isMeant(clusterTrustBundle, object));
    const whole = await readSelected(meant, {
      kind: 'ClusterTrustBundles',
      read: (object) => places.api.whole(object),
      sizeOf: ({ spec: { trustBundle } }) => trustBundle.length,
    });
    return { anchors: clusterTrustBundleAnchors(clusterTrustBundle, reader, whole) };
  }
  return publicRoots(roots?.from ?? 'mozilla');
}

async function readObjects(
  kind: SourceObjectKind,
  query: NonNullable<SourceSpec['configMap']>,
  reader: Reader,
  { objects, namespace }: SourcePlaces,
): Promise<SourceContent> {
  const selection = { ...query, kind: kind === 'secret' ? 'Secret' : 'ConfigMap', namespace };
  const found = await objects.find(kind, query);
  requireOthers(selection.kind, found, reader);
  return { anchors: objectAnchors(selection, found) };
}

/** Who reads what it writes never forgets a root again. @throws MangroveError BUNDLE_SOURCE_OWN_TARGET */
function requireOthers(kind: string, objects: readonly SourceObject[], reader: Reader): void {
  const own = objects.find(({ labels }) => labels[OWNER_LABEL] === ownerLabel(reader.name));
  if (own === undefined) return;
  throw new MangroveError('BUNDLE_SOURCE_OWN_TARGET', `${kind} ${own.name} is a target of this TrustBundle`);
}

/** Every ClusterTrustBundle. @throws MangroveError BUNDLE_API_ABSENT, BUNDLE_API_UNKNOWN, BUNDLE_SOURCE_PENDING, BUNDLE_SOURCE_UNREADABLE */
function published({ api, isFresh }: SourcePlaces) {
  api.resource();
  const all = api.cache()?.list();
  if (all === undefined)
    throw new MangroveError('BUNDLE_SOURCE_PENDING', 'the ClusterTrustBundles are not read yet');
  if (!isFresh())
    throw new MangroveError('BUNDLE_SOURCE_UNREADABLE', 'the ClusterTrustBundles cannot be watched');
  return all;
}
