import { decodeBase64 } from '#base64.ts';
import { type ReadOnce, type ReadOnceOptions, readOnce } from '#bundles/controller/read-once.ts';
import type { SourceObject } from '#bundles/source/object.ts';
import type { KubeClient } from '#kube/client.ts';
import type { PartialObjectMetadata } from '#kube/object.ts';
import { secrets } from '#kube/resource.ts';
import { readSealed } from '#kube/sealed.ts';
import { cutData } from '#secret-data.ts';

export interface SecretContentsOptions
  extends Pick<ReadOnceOptions<unknown, unknown>, 'gate' | 'clock' | 'idleMs'> {
  readonly client: KubeClient;
  readonly namespace: string;
}

/** What of Secrets may be roots. */
export function secretContents({
  client,
  namespace,
  ...reading
}: SecretContentsOptions): ReadOnce<PartialObjectMetadata, SourceObject> {
  return readOnce({
    ...reading,
    kind: 'Secret',
    async fetch({ metadata: { name, labels = {} } }: PartialObjectMetadata) {
      return { name, labels, data: await readSealed(client, secrets, { namespace, name }, publicData) };
    },
  });
}

/** Type of Secrets that hold a key and its certificate; of these only the issuer's certificate can be a root. */
const tlsType = 'kubernetes.io/tls';
const keyMark = Buffer.from('PRIVATE KEY-----');
const certificateMark = Buffer.from('-----BEGIN CERTIFICATE-----');
/** Stands for a private key, so that whoever wants this text as roots is told what it is. */
const privateKey = Buffer.from('-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n');
/** Stands for a password, a token or a key that is no PEM. */
const noCertificate = Buffer.alloc(0);

/** The data of a Secret as far as it may be roots: whatever else there is, is wiped, and never becomes a string. */
function publicData(json: Buffer): Map<string, Buffer> {
  const base64 = cutData(json, () => true);
  const isTls = json.includes(`"type":"${tlsType}"`);
  const data = new Map<string, Buffer>();
  for (const [name, encoded] of base64) {
    const value = decodeBase64(encoded);
    encoded.fill(0);
    if (value === undefined) continue;
    const isMeant = !isTls || name === 'ca.crt';
    const told = publicValue(value);
    if (isMeant) data.set(name, told);
    if (!isMeant || told !== value) value.fill(0);
  }
  return data;
}

function publicValue(value: Buffer): Buffer {
  if (value.includes(keyMark)) return privateKey;
  return value.includes(certificateMark) ? value : noCertificate;
}
