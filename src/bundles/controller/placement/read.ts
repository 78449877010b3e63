import { decodeBase64 } from '#base64.ts';
import { kindNames, type PlacementKind } from '#bundles/target/named-target.ts';
import { ownKeys, type PlacedObject } from '#bundles/target/placed-object.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound } from '#kube/error.ts';
import type { AnyObject, ConfigMap } from '#kube/object.ts';
import { configMaps, type Resource, secrets } from '#kube/resource.ts';
import { readSealed } from '#kube/sealed.ts';
import { blankLastApplied, cutData } from '#secret-data.ts';

export const resourceOf: Readonly<Record<PlacementKind, Resource>> = {
  configMap: configMaps,
  secret: secrets,
};

/** One object, by kind, namespace and name. */
export interface Place {
  readonly kind: PlacementKind;
  readonly namespace: string;
  readonly name: string;
}

/** A placed object with the version that it has. */
export type ReadObject = PlacedObject & AnyObject;

export function describePlace({ kind, namespace, name }: Place): string {
  return `${kindNames[kind]} ${namespace}/${name}`;
}

/**
 * What stands there now; undefined for nothing. Throws KubeError.
 * @param keys that may become texts, beside those that the object calls ours
 */
export async function readPlaced(
  client: KubeClient,
  place: Place,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<ReadObject | undefined> {
  const { kind, namespace, name } = place;
  if (kind === 'secret') {
    const take = (json: Buffer): ReadObject => secretObject(json, keys);
    return readSealed(client, secrets, place, take, { signal }).catch(ignoreNotFound);
  }
  const object = await client
    .get<ConfigMap>(configMaps, name, { namespace, signal })
    .catch<undefined>(ignoreNotFound);
  return object === undefined ? undefined : configMapObject(object);
}

export function configMapObject({ metadata, data = {} }: ConfigMap): ReadObject {
  return { metadata, data: new Map(Object.entries(data)) };
}

const privateKey = Buffer.from('PRIVATE KEY-----');

/** A Secret that was adopted may hold what is secret: all but our own keys is wiped, and never becomes a string. */
function secretObject(json: Buffer, keys: readonly string[]): ReadObject {
  const base64 = cutData(json, () => true);
  blankLastApplied(json);
  try {
    const { metadata }: AnyObject = JSON.parse(json.toString('utf8'));
    const left = ownKeys({ metadata }).filter((key) => base64.has(key) && !keys.includes(key));
    const data = new Map<string, string>(left.map((key) => [key, '']));
    for (const key of keys) {
      const text = publicText(base64.get(key));
      if (text !== undefined) data.set(key, text);
    }
    return { metadata, data };
  } finally {
    for (const encoded of base64.values()) encoded.fill(0);
  }
}

function publicText(base64: Buffer | undefined): string | undefined {
  const value = base64 === undefined ? undefined : decodeBase64(base64);
  if (value === undefined) return undefined;
  if (!value.includes(privateKey)) return value.toString('utf8');
  value.fill(0);
  return '';
}
