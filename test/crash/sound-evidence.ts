import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAuthoritySecret } from '#ca/authority/secret.ts';
import { issueLeaf } from '#ca/issuance/issue.ts';
import { prepareLeaf } from '#ca/issuance/prepare.ts';
import { makeCaCertificate } from '#ca/keys/ca-certificate.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { encodePem } from '#x509/pem.ts';
import { hierarchy, leafRequest, open, serial } from '../ca/support/hierarchy.ts';
import { openssl } from '../oracle/openssl.ts';
import { parsePublicKey } from '#x509/public-key.ts';
import type { AuditEvent } from '../support/audit.ts';
import type { Evidence } from './evidence.ts';
import { readLedger } from './ledger-file.ts';
import type { Kind, Seen, Version } from './watcher.ts';

type Writable<T> = T extends readonly (infer E)[]
  ? Writable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T;

type SpoilableAudit = Writable<AuditEvent>;
export type SpoilableVersion = Writable<Version>;
type SpoilableObject = Writable<Seen>;

/** Evidence that may be spoilt: of each kind what was seen, and the rest as the checks get it. */
export type Spoilable = Writable<Omit<Evidence, 'watcher'>> & {
  readonly seen: Record<Kind, SpoilableVersion[]>;
};

/** What a run that nothing is wrong with leaves behind, and what a violation can be made of. */
export interface Sound {
  /** A copy of its own. */
  readonly copy: () => Spoilable;
  /** PEM: a second certificate of the root's key and name. */
  readonly twin: string;
  /** PEM: the issuing certificate again, so short that its leaves outlive it. */
  readonly short: string;
}

export function evidenceOf({ seen, ...rest }: Spoilable): Evidence {
  return { ...rest, watcher: { history: (kind) => seen[kind] } };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const namespace = 'mangrove-system';
const signerName = 'mangrove.dev/workload';
const trustDomain = 'east.test';
const isReady = { type: 'Ready', status: 'True', reason: 'Active' };

/** One root, its bundle, and one certificate that was asked for, signed, recorded and delivered. */
export async function soundEvidence(folder: string): Promise<Sound> {
  const now = Math.floor(Date.now() / 1000);
  const path = join(folder, 'mangrove-0.db');
  const ledger = await openSqliteLedger({ path });
  const made = await hierarchy(ledger, {}, 'node', open, now);
  const keyFile = join(folder, 'leaf.key');
  openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile]);
  const asked = openssl(['req', '-new', '-key', keyFile, '-subj', '/']).stdout;
  const spki = openssl(['pkey', '-in', keyFile, '-pubout', '-outform', 'DER', '-out', `${keyFile}.der`]);
  if (!spki.ok) throw new Error(spki.stderr);
  const publicKey = parsePublicKey(readFileSync(`${keyFile}.der`));
  const request = leafRequest({ publicKey, requestUid: 'r-1' });
  const at = { now: now * 1000, serial: serial() };
  const leaf = await issueLeaf(prepareLeaf(request, made.signer, at), {
    ledger,
    now: () => now * 1000,
    requireFence: open,
  });
  await ledger.close();

  const owner = { certificateAuthority: 'mesh', namespace, generation: 1, createdAt: now };
  const sealed = JSON.parse(encodeAuthoritySecret(owner, made.root).toString()) as SpoilableObject;
  const root = encodePem('CERTIFICATE', made.root.certificate.der);
  const short = await makeCaCertificate(
    {
      trustDomain: made.spec.trustDomain,
      serial: serial(),
      spki: made.issuing.certificate.publicKey.spki,
      issuer: made.root.certificate,
      signingKey: made.root.key,
      signingAlgorithm: 'ECDSA-P256',
      notBefore: now - 60,
      notAfter: now + 600,
    },
    webCrypto('node'),
  );
  const spoilable: Spoilable = {
    namespace,
    signerName,
    trustDomain,
    authority: 'mesh',
    spiffeId: `spiffe://${trustDomain}/ns/shop/sa/web`,
    entries: readLedger('mangrove-0', path),
    reports: [{ replica: 'mangrove-0', serials: [], gauge: 0, metrics: 'mangrove_leader 1\n' }],
    fallen: [],
    settled: true,
    placed: undefined,
    log: '{"msg":"leading"}\n',
    audited: [write('update', 'clustertrustbundles', { resourceVersion: '11' }), write('patch', 'secrets')],
    events: '[]',
    files: [{ name: 'mangrove-0.db', mode: 0o600 }],
    seen: {
      secrets: rootVersions(sealed),
      clusterTrustBundles: [version(12, bundleOf(root))],
      requests: requestVersions(asked, leaf.chain),
      authorities: [version(15, authorityOf())],
      trustBundles: [version(16, trustBundleOf())],
      configMaps: [],
    },
  };
  return {
    copy: () => structuredClone(spoilable),
    twin: twinOf(folder, sealed, now),
    short: encodePem('CERTIFICATE', short.der),
  };
}

function version(revision: number, object: SpoilableObject): SpoilableVersion {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return { revision, deleted: false, object: { ...object, metadata } };
}

/** One that succeeded. */
export function write(
  verb: string,
  resource: string,
  ref: Partial<NonNullable<AuditEvent['objectRef']>> = {},
): SpoilableAudit {
  return {
    verb,
    requestURI: `/${resource}`,
    user: { username: `system:serviceaccount:${namespace}:mangrove` },
    objectRef: { resource, name: 'one', ...ref },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: '2026-11-27T00:00:00.000000Z',
    stageTimestamp: '2026-11-27T00:00:00.001000Z',
  };
}

/** As it was made, when it was published, and when it became active. */
function rootVersions(sealed: SpoilableObject): SpoilableVersion[] {
  const at = (annotations: Record<string, string>): SpoilableObject => ({
    ...sealed,
    metadata: {
      ...sealed.metadata,
      uid: 's-1',
      annotations: { ...sealed.metadata.annotations, ...annotations },
    },
  });
  const published = { 'mangrove.dev/published-at': '2026-11-27T00:00:00Z' };
  const active = { ...published, 'mangrove.dev/activated-at': '2026-11-27T00:00:01Z' };
  return [version(10, at({})), version(13, at(published)), version(14, at(active))];
}

function bundleOf(root: string): SpoilableObject {
  return {
    metadata: {
      name: `${signerName.replace('/', ':')}:${trustDomain}`,
      uid: 'b-1',
      resourceVersion: '',
      labels: { 'mangrove.dev/channel': 'live' },
      annotations: { 'mangrove.dev/trust-domain': trustDomain },
    },
    spec: { signerName, trustBundle: root },
  };
}

function requestVersions(asked: string, chain: string): SpoilableVersion[] {
  const metadata = { name: 'web-1', uid: 'r-1', resourceVersion: '' };
  const approved = { type: 'Approved', status: 'True', reason: 'Test' };
  const request = { metadata, spec: { signerName, request: base64(asked) } };
  return [
    version(20, request),
    version(21, { ...request, status: { conditions: [approved] } }),
    version(22, { ...request, status: { conditions: [approved], certificate: base64(chain) } }),
  ];
}

function authorityOf(): SpoilableObject {
  return {
    metadata: { name: 'mesh', uid: 'a-1', resourceVersion: '' },
    status: {
      conditions: [isReady],
      authorities: [{ phase: 'Active' }],
      publishedSignerNames: [signerName],
    },
  };
}

function trustBundleOf(): SpoilableObject {
  return {
    metadata: { name: trustDomain, uid: 't-1', resourceVersion: '' },
    spec: { trustDomain },
    status: { conditions: [isReady, { type: 'Published', status: 'True', reason: 'Published' }] },
  };
}

function twinOf(folder: string, { data }: SpoilableObject, now: number): string {
  const key = join(folder, 'twin.key');
  const pem = Buffer.from(data?.['tls.key'] ?? '', 'base64').toString();
  const file = openssl(['pkey', '-out', key], pem);
  if (!file.ok) throw new Error(file.stderr);
  const serialNumber = createHash('sha256').update(String(now)).digest('hex').slice(0, 16);
  const subject = ['-subj', `/CN=${trustDomain}`, '-set_serial', `0x1${serialNumber}`];
  return openssl(['req', '-x509', '-new', '-key', key, '-days', '30', ...subject]).stdout;
}
