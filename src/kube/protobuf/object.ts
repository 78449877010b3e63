import { certificateSigningRequest } from '#kube/protobuf/certificates.ts';
import { type Json, type Message, readMessage } from '#kube/protobuf/message.ts';
import { partialObjectMetadata, status, unknown, watchEvent } from '#kube/protobuf/meta.ts';
import { invalid, ProtobufReader } from '#kube/protobuf/reader.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * All that we can read as protobuf, by apiVersion and kind; all else is asked for as JSON. To add a kind, write down its messages as in
 * certificates.ts and enter it here. What is written back whole must have every field of its messages, or a write takes away what is
 * not in them.
 */
const messages: Readonly<Record<string, Message>> = {
  'v1 Status': status,
  'meta.k8s.io/v1 PartialObjectMetadata': partialObjectMetadata,
  'certificates.k8s.io/v1 CertificateSigningRequest': certificateSigningRequest,
};

export function hasProtobuf({ apiVersion, kind }: TypeMeta): boolean {
  return Object.hasOwn(messages, `${apiVersion} ${kind}`);
}

/** Before every object: apimachinery pkg/runtime/serializer/protobuf/protobuf.go. */
const magic = Buffer.from('k8s\0', 'latin1');

/**
 * A WatchEvent (the bytes of one frame) as JSON.parse gives it from JSON.
 * @throws MangroveError KUBE_RESPONSE_INVALID
 */
export function readWatchEvent(frame: Buffer): { readonly type?: unknown; readonly object?: unknown } {
  const { type, object } = readMessage(new ProtobufReader(frame), watchEvent);
  const raw = isObject(object) ? object['raw'] : undefined;
  return { type, object: raw instanceof ProtobufReader ? readObject(raw) : undefined };
}

function readObject(reader: ProtobufReader): Json {
  if (!reader.passes(magic)) throw invalid('an object does not begin with k8s and a zero');
  const { typeMeta, raw, contentEncoding, contentType = protobufMediaType } = readMessage(reader, unknown);
  if (contentEncoding !== undefined || contentType !== protobufMediaType)
    throw invalid('an object is encoded in another way');
  const { apiVersion = '', kind = '' } = isObject(typeMeta) ? typeMeta : {};
  const found = messages[`${String(apiVersion)} ${String(kind)}`];
  if (found === undefined)
    throw invalid(`nobody asked for "${String(apiVersion)} ${String(kind)}"`.slice(0, 80));
  // The API server leaves out what has no bytes.
  const content = raw instanceof ProtobufReader ? readMessage(raw, found) : {};
  return { kind, apiVersion, ...content };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
