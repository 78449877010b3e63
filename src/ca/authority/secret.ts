import type { KeyObject } from 'node:crypto';
import { decodeBase64, encodeBase64 } from '#base64.ts';
import { type Authority, authoritySecretName } from '#ca/authority/authority.ts';
import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { NewRoot } from '#ca/authority/root.ts';
import { checkCaCertificate } from '#ca/keys/ca-certificate.ts';
import { exportPrivateKey, importPrivateKey } from '#ca/keys/private-key.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import { cutData } from '#secret-data.ts';
import { type Certificate, parseCertificate } from '#x509/certificate.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** The Secret of an authority: immutable data, annotations that only ever gain timestamps. */
export interface AuthoritySecret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly type?: string;
  readonly immutable?: boolean;
  /** Without the key: that is never part of an object. */
  readonly data?: Readonly<Record<string, string>>;
}

export const authorityLabel = 'mangrove.dev/certificate-authority';
const generationLabel = 'mangrove.dev/generation';
const secretType = 'mangrove.dev/authority';

const annotation: Readonly<Record<keyof AuthorityTimestamps, string>> = {
  createdAt: 'mangrove.dev/created-at',
  publishedAt: 'mangrove.dev/published-at',
  activatedAt: 'mangrove.dev/activated-at',
  taintedAt: 'mangrove.dev/tainted-at',
  retiredAt: 'mangrove.dev/retired-at',
};

const maxLeafLifetimeAnnotation = 'mangrove.dev/max-leaf-lifetime';

export interface NewAuthority {
  readonly certificateAuthority: string;
  readonly namespace: string;
  readonly generation: number;
  /** Seconds since the epoch, by the API server's clock. */
  readonly createdAt: number;
}

/** Stands for the key in an object. */
const keyPlaceholder = '<key>';

/** The JSON of the Secret to create, as bytes with the key in them: whoever asked for it wipes it. */
export function encodeAuthoritySecret(authority: NewAuthority, root: NewRoot): Buffer {
  const secret: AuthoritySecret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: authoritySecretName(authority.certificateAuthority, authority.generation),
      namespace: authority.namespace,
      labels: {
        'app.kubernetes.io/managed-by': 'mangrove',
        [authorityLabel]: authority.certificateAuthority,
        [generationLabel]: String(authority.generation),
      },
      annotations: { [annotation.createdAt]: formatTimestamp(authority.createdAt) },
    },
    type: secretType,
    immutable: true,
    data: {
      'tls.crt': Buffer.from(encodePem('CERTIFICATE', root.certificate.der)).toString('base64'),
      'tls.key': keyPlaceholder,
    },
  };
  const [before = '', after = ''] = JSON.stringify(secret).split(keyPlaceholder);
  const pem = exportPrivateKey(root.key);
  const key = encodeBase64(pem);
  const json = Buffer.concat([Buffer.from(before), key, Buffer.from(after)]);
  pem.fill(0);
  key.fill(0);
  return json;
}

/**
 * The object in the bytes of a Secret, without the key, which is wiped from them before anything of them becomes a string.
 * @throws MangroveError CA_AUTHORITY_DAMAGED
 */
export function readAuthoritySecret(json: Buffer): AuthoritySecret {
  cutKey(json)?.fill(0);
  return parseSecret(json);
}

/** The base64 of the key; whoever called wipes it. */
function cutKey(json: Buffer): Buffer | undefined {
  return cutData(json, (name) => name === 'tls.key').get('tls.key');
}

function parseSecret(json: Buffer): AuthoritySecret {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API server answers to a GET of a Secret
    return JSON.parse(json.toString('utf8')) as AuthoritySecret;
  } catch {
    // The parser's message quotes the text.
    throw new MangroveError('CA_AUTHORITY_DAMAGED', 'the API server answered with a Secret that is not JSON');
  }
}

/**
 * Reads an authority back. Our own writing is not trusted: the certificate passes the same checks as a new one.
 * @throws MangroveError CA_AUTHORITY_FOREIGN, CA_AUTHORITY_DAMAGED
 */
export function decodeAuthority(secret: AuthoritySecret, trustDomain: TrustDomain): Authority {
  const { metadata } = secret;
  const generation = generationOf(secret);
  const certificate = readCertificate(secret, trustDomain);
  if (metadata.uid === undefined || metadata.resourceVersion === undefined) {
    throw new MangroveError(
      'CA_AUTHORITY_DAMAGED',
      `Secret ${metadata.name} was not read from an API server`,
    );
  }
  return {
    id: certificate.publicKey.keyId,
    generation,
    secretName: metadata.name,
    secretUid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    trustDomain,
    certificate,
    ...decodeAnnotations(metadata.name, metadata.annotations ?? {}),
  };
}

/**
 * The root's private key, from the bytes of its Secret; wiped from them. The caller keeps it no longer than it needs to sign.
 * @throws MangroveError CA_AUTHORITY_DAMAGED
 */
export function decodeRootKey(json: Buffer, certificate: Certificate): KeyObject {
  const base64 = cutKey(json);
  const pem = base64 && decodeBase64(base64);
  base64?.fill(0);
  if (pem === undefined) {
    throw new MangroveError('CA_AUTHORITY_DAMAGED', 'the Secret of an authority has no tls.key in base64');
  }
  return importPrivateKey(pem, certificate);
}

function generationOf(secret: AuthoritySecret): number {
  const { name, labels = {} } = secret.metadata;
  const owner = labels[authorityLabel];
  const generation = Number(labels[generationLabel]);
  const ours = owner !== undefined && Number.isSafeInteger(generation) && generation >= 1;
  if (!ours || secret.type !== secretType || name !== authoritySecretName(owner, generation)) {
    throw new MangroveError(
      'CA_AUTHORITY_FOREIGN',
      `Secret ${name} has an authority's name but was not made as one`,
    );
  }
  if (secret.immutable !== true) {
    throw new MangroveError(
      'CA_AUTHORITY_DAMAGED',
      `Secret ${name} is not immutable: it was made anew by somebody else`,
    );
  }
  return generation;
}

function readCertificate(secret: AuthoritySecret, trustDomain: TrustDomain): Certificate {
  const { name } = secret.metadata;
  try {
    const [der, ...more] = parsePem(Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64'), 'CERTIFICATE');
    if (der === undefined || more.length > 0)
      throw new RangeError('tls.crt must hold exactly one certificate');
    const certificate = parseCertificate(der);
    checkCaCertificate(certificate, trustDomain, undefined);
    return certificate;
  } catch (cause) {
    throw new MangroveError('CA_AUTHORITY_DAMAGED', `Secret ${name}: ${errorMessage(cause)}`, { cause });
  }
}

type Annotations = Readonly<Record<string, string>>;

/** What changes of an authority, from the annotations of its Secret: all that a metadata watch shows. */
export function decodeAnnotations(
  name: string,
  annotations: Annotations,
): Pick<Authority, 'timestamps' | 'maxLeafLifetime'> {
  const text = annotations[maxLeafLifetimeAnnotation] ?? '0';
  const maxLeafLifetime = Number(text);
  if (!Number.isSafeInteger(maxLeafLifetime) || String(maxLeafLifetime) !== text) {
    throw new MangroveError(
      'CA_AUTHORITY_DAMAGED',
      `Secret ${name}: annotation ${maxLeafLifetimeAnnotation} is no number of seconds`,
    );
  }
  return { timestamps: decodeTimestamps(name, annotations), maxLeafLifetime };
}

function decodeTimestamps(name: string, annotations: Annotations): AuthorityTimestamps {
  const createdAt = readTimestamp(name, annotations, 'createdAt');
  if (createdAt === undefined) {
    throw new MangroveError(
      'CA_AUTHORITY_DAMAGED',
      `Secret ${name} lacks the annotation ${annotation.createdAt}`,
    );
  }
  const rest: { -readonly [K in keyof AuthorityTimestamps]?: number } = {};
  for (const kind of ['publishedAt', 'activatedAt', 'taintedAt', 'retiredAt'] as const) {
    const seconds = readTimestamp(name, annotations, kind);
    if (seconds !== undefined) rest[kind] = seconds;
  }
  return { createdAt, ...rest };
}

function readTimestamp(
  name: string,
  annotations: Readonly<Record<string, string>>,
  kind: keyof AuthorityTimestamps,
): number | undefined {
  const text = annotations[annotation[kind]];
  if (text === undefined) return undefined;
  const seconds = Date.parse(text) / 1000;
  // Date.parse rolls 30 February over: only a text that comes back unchanged names a real second.
  if (Number.isInteger(seconds) && formatTimestamp(seconds) === text) return seconds;
  throw new MangroveError(
    'CA_AUTHORITY_DAMAGED',
    `Secret ${name}: annotation ${annotation[kind]} is no RFC 3339 second`,
  );
}

/** What is written to an authority's Secret, all in one update. */
export interface AuthorityChange {
  /** Seconds since the epoch, by kind. */
  readonly timestamps?: Partial<AuthorityTimestamps>;
  readonly maxLeafLifetime?: number;
}

export function encodeChange({ timestamps = {}, maxLeafLifetime }: AuthorityChange): Annotations {
  const annotations: Record<string, string> = {};
  for (const kind of ['publishedAt', 'activatedAt', 'taintedAt', 'retiredAt'] as const) {
    const seconds = timestamps[kind];
    if (seconds !== undefined) annotations[annotation[kind]] = formatTimestamp(seconds);
  }
  if (maxLeafLifetime !== undefined) annotations[maxLeafLifetimeAnnotation] = String(maxLeafLifetime);
  return annotations;
}

/** RFC 3339, UTC, whole seconds. */
export function formatTimestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
