import { hash } from 'node:crypto';
import type { PlacementSpec } from '#bundles/bundle/target-spec.ts';
import {
  HASH_ANNOTATION,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  OWNER_ANNOTATION,
  TRUST_DOMAIN_ANNOTATION,
} from '#bundles/target/cluster-trust-bundle.ts';
import { hashed, type PlacementKind } from '#bundles/target/named-target.ts';
import type { Marked } from '#bundles/target/ownership.ts';
import { type Rendered, says } from '#bundles/target/rendering.ts';

/** By which objects that belong to a TrustBundle are found. */
export const OWNER_LABEL = 'mangrove.dev/trust-bundle';
/** The keys that are ours, so that one which left the specification is known again. */
export const KEYS_ANNOTATION = 'mangrove.dev/keys';

type Marks = Readonly<Record<string, string>>;

/** A ConfigMap or Secret as one namespace should have it: the part of it that is ours. */
export interface DesiredObject {
  readonly kind: PlacementKind;
  readonly name: string;
  /** Name of the TrustBundle. */
  readonly owner: string;
  readonly rendered: Rendered;
  /** Of its data, those that are ours. */
  readonly keys: readonly string[];
  readonly labels: Marks;
  readonly annotations: Marks;
  readonly adopt: boolean;
  /** Keys that are ours no more go; else they stay as they are. */
  readonly prunes: boolean;
  /** JSON of `data`: the same bytes for every namespace. */
  readonly data: Buffer;
  /** Of all of this: an object that was verified against the same digest needs no other look. */
  readonly digest: string;
}

/** What such an object was seen to hold; of a Secret, only our own keys. */
export interface PlacedObject extends Marked {
  readonly data: ReadonlyMap<string, string>;
}

const maxLabel = 63;

/** The name of the TrustBundle, or a hash of one that is too long for a label. */
export function ownerLabel(owner: string): string {
  return owner.length <= maxLabel ? owner : hashed(owner);
}

export function desiredObject(
  { kind, name, spec }: { readonly kind: PlacementKind; readonly name: string; readonly spec: PlacementSpec },
  rendered: Rendered,
  { owner, prunes }: Pick<DesiredObject, 'owner' | 'prunes'>,
): DesiredObject {
  const { bundle } = rendered;
  const keys = rendered.keys.map(({ key }) => key);
  const labels = { ...spec.labels, [OWNER_LABEL]: ownerLabel(owner) };
  const annotations = {
    ...spec.annotations,
    [TRUST_DOMAIN_ANNOTATION]: bundle.trustDomain,
    [OWNER_ANNOTATION]: owner,
    [HASH_ANNOTATION]: bundle.sha256,
    [KEYS_ANNOTATION]: keys.join(','),
  };
  const content = Object.fromEntries(
    rendered.keys.map(({ key, text }) => [
      key,
      kind === 'secret' ? Buffer.from(text).toString('base64') : text,
    ]),
  );
  const digest = hash('sha256', JSON.stringify([rendered.digest, labels, annotations, spec.adopt, prunes]));
  const data = Buffer.from(JSON.stringify(content));
  return { kind, name, owner, rendered, keys, labels, annotations, adopt: spec.adopt, prunes, data, digest };
}

/** What differs between an object and what it should be, in words, and which part of it that is. */
export interface Differences {
  readonly words: readonly string[];
  /** The texts differ, not only marks. */
  readonly content: boolean;
  /** Keys of ours that must go. */
  readonly stale: readonly string[];
}

/** @param created it is one that we made, so it says who manages it */
export function differencesOf(object: PlacedObject, desired: DesiredObject, created: boolean): Differences {
  const { rendered, annotations } = desired;
  const wrong = rendered.keys.filter((key) => !says(object.data.get(key.key), key, rendered.bundle));
  const stale = staleKeys(object, desired);
  const labels = { ...desired.labels, ...(created && { [MANAGED_BY_LABEL]: MANAGED_BY }) };
  const words = [
    ...wrong.map(({ key }) => `key ${key}`),
    ...stale.map((key) => `key ${key}`),
    ...missing(labels, object.metadata.labels).map((key) => `label ${key}`),
    ...missing(annotations, object.metadata.annotations).map((key) => `annotation ${key}`),
  ];
  return { words, content: wrong.length > 0, stale };
}

function missing(wanted: Marks, found: Marks = {}): string[] {
  return Object.keys(wanted).filter((key) => found[key] !== wanted[key]);
}

/** Keys that its annotation calls ours. */
export function ownKeys({ metadata }: Marked): readonly string[] {
  const text = metadata.annotations?.[KEYS_ANNOTATION] ?? '';
  return text === '' ? [] : text.split(',');
}

function staleKeys(object: PlacedObject, { prunes, keys }: DesiredObject): string[] {
  if (!prunes) return [];
  return ownKeys(object).filter((key) => !keys.includes(key) && object.data.has(key));
}

/** Whether it carries the mark of one that we made, and so may be deleted; an adopted one keeps its own. */
export function isCreated({ metadata }: Marked): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
}

/** Fingerprints of the roots that it holds under our keys. */
export function rootsHeld(object: PlacedObject, { rendered }: DesiredObject): ReadonlySet<string> {
  const held = rendered.keys.map(({ key, format }) => format.decode(object.data.get(key) ?? ''));
  return new Set(held.flatMap((certificates) => [...(certificates?.keys() ?? [])]));
}

/** JSON in pieces, of which the large one is the same for every namespace: nobody copies it. */
export type Pieces = readonly Buffer[];

/** The object to be created. */
export function creationOf(desired: DesiredObject, namespace: string): Pieces {
  const { kind, name, annotations } = desired;
  const labels = { ...desired.labels, [MANAGED_BY_LABEL]: MANAGED_BY };
  const metadata = { name, namespace, labels, annotations };
  const type = { apiVersion: 'v1', kind: kind === 'secret' ? 'Secret' : 'ConfigMap' };
  return withData({ ...type, metadata }, [desired.data]);
}

/** The version of an object that a write builds on. */
export interface Basis {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** The strategic merge patch that puts our part right and touches no other; refused when the object changed since. */
export function correctionOf(
  desired: DesiredObject,
  basis: Basis,
  { content, stale, created }: Pick<Differences, 'content' | 'stale'> & { readonly created: boolean },
): Pieces {
  const labels = { ...desired.labels, ...(created && { [MANAGED_BY_LABEL]: MANAGED_BY }) };
  const { uid, resourceVersion } = basis;
  const patch = { metadata: { uid, resourceVersion, labels, annotations: desired.annotations } };
  const gone = Object.fromEntries(stale.map((key) => [key, null]));
  if (!content) return [jsonOf(stale.length === 0 ? patch : { ...patch, data: gone })];
  if (stale.length === 0) return withData(patch, [desired.data]);
  return withData(patch, [desired.data.subarray(0, -1), Buffer.from(`,${JSON.stringify(gone).slice(1)}`)]);
}

/** The strategic merge patch that takes our keys and marks out of an object that we adopted. */
export function withdrawalOf(object: Marked & { readonly metadata: Basis }): Pieces {
  const { uid, resourceVersion } = object.metadata;
  const marks = [TRUST_DOMAIN_ANNOTATION, OWNER_ANNOTATION, HASH_ANNOTATION, KEYS_ANNOTATION];
  const none = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, null]));
  const metadata = { uid, resourceVersion, labels: none([OWNER_LABEL]), annotations: none(marks) };
  return [jsonOf({ metadata, data: none(ownKeys(object)) })];
}

/** The data is not made into JSON again for each of a thousand namespaces. */
function withData(object: object, data: Pieces): Pieces {
  return [Buffer.from(`${JSON.stringify(object).slice(0, -1)},"data":`), ...data, Buffer.from('}')];
}

function jsonOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
