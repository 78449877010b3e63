import { decodeBase64 } from '#base64.ts';
import type { SourceObject } from '#bundles/source/object.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { isNotFound } from '#kube/error.ts';
import type { PartialObjectMetadata } from '#kube/object.ts';
import { secrets } from '#kube/resource.ts';
import { readSealed } from '#kube/sealed.ts';
import { cutData } from '#secret-data.ts';

export interface SecretContentsOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Metadata of the Secrets there. */
  readonly observed: Cache<PartialObjectMetadata>;
}

/** What of Secrets may be roots; each is read once for each of its versions. */
export interface SecretContents {
  /** @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_UNREADABLE */
  read(secret: PartialObjectMetadata): Promise<SourceObject>;
}

export function createSecretContents({ client, namespace, observed }: SecretContentsOptions): SecretContents {
  /** By name, of the version that the watch shows. */
  const known = new Map<string, { readonly version: string; readonly object: Promise<SourceObject> }>();
  observed.onChange((_previous, current, key) => {
    if (current === undefined) known.delete(key.slice(key.indexOf('/') + 1));
  });

  async function fetch({ metadata: { name, labels = {} } }: PartialObjectMetadata): Promise<SourceObject> {
    try {
      return { name, labels, data: await readSealed(client, secrets, { namespace, name }, publicData) };
    } catch (cause) {
      if (isNotFound(cause)) {
        throw new MangroveError('BUNDLE_SOURCE_NOT_FOUND', `Secret ${name} is gone`, { cause });
      }
      throw new MangroveError('BUNDLE_SOURCE_UNREADABLE', `Secret ${name}: ${errorMessage(cause)}`, {
        cause,
      });
    }
  }

  return {
    read(secret) {
      const { name, uid, resourceVersion } = secret.metadata;
      const version = `${uid} ${resourceVersion}`;
      const last = known.get(name);
      if (last?.version === version) return last.object;
      const object = fetch(secret);
      known.set(name, { version, object });
      // What failed is asked for again.
      object.catch(() => known.get(name)?.object === object && known.delete(name));
      return object;
    },
  };
}

/** Type of Secrets that hold a key and its certificate; of these only the issuer's certificate can be a root. */
const tlsType = 'kubernetes.io/tls';
const mark = Buffer.from('PRIVATE KEY-----');
/** Stands for a private key, so that whoever wants this text as roots is told what it is. */
const keyMark = Buffer.from('-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n');

/** The data of a Secret without its private keys: these are wiped, and never become a string. */
function publicData(json: Buffer): Map<string, Buffer> {
  const base64 = cutData(json, () => true);
  const isTls = json.includes(`"type":"${tlsType}"`);
  const data = new Map<string, Buffer>();
  for (const [name, encoded] of base64) {
    const value = decodeBase64(encoded);
    encoded.fill(0);
    if (value === undefined) continue;
    const wanted = !isTls || name === 'ca.crt';
    if (wanted && !value.includes(mark)) data.set(name, value);
    else {
      value.fill(0);
      if (wanted) data.set(name, keyMark);
    }
  }
  return data;
}
