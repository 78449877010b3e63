import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type Authority, authoritySecretName } from '#ca/authority/authority.ts';
import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { NewRoot } from '#ca/authority/root.ts';
import { checkCaCertificate } from '#ca/keys/ca-certificate.ts';
import { importPrivateKey } from '#ca/keys/private-key.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
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

/** The object to create. Zeroes the key of `root`; the base64 text in the result lives until it is collected. */
export function encodeAuthoritySecret(authority: NewAuthority, root: NewRoot): AuthoritySecret {
  const pem = privateKeyPem(root.privateKeyPkcs8);
  try {
    return {
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
        'tls.key': pem.toString('base64'),
      },
    };
  } finally {
    pem.fill(0);
    root.privateKeyPkcs8.fill(0);
  }
}

function privateKeyPem(pkcs8: Buffer): Buffer {
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }));
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

/** The root's private key. The caller keeps it no longer than it needs to sign. */
export function decodeRootKey(secret: AuthoritySecret, certificate: Certificate): KeyObject {
  const text = secret.data?.['tls.key'];
  if (text === undefined) {
    throw new MangroveError('CA_AUTHORITY_DAMAGED', `Secret ${secret.metadata.name} has no key tls.key`);
  }
  return importPrivateKey(Buffer.from(text, 'base64'), certificate);
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
