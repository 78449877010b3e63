import type { X509Certificate } from 'node:crypto';
import type { StepName } from '#step.ts';
import type { AuditEvent } from '../support/audit.ts';
import { certificatesOf, decoded, fingerprintOf } from './chain.ts';
import type { Entry } from './ledger-file.ts';
import type { Kind, Version, Watcher } from './watcher.ts';

/** What the checks judge: everything that was seen from outside, and what the replicas left behind. */
export interface Evidence {
  readonly watcher: Pick<Watcher, 'history'>;
  readonly namespace: string;
  readonly signerName: string;
  readonly trustDomain: string;
  /** Name of the CertificateAuthority. */
  readonly authority: string;
  /** Of the requester of every request. */
  readonly spiffeId: string;
  /** Of all ledgers. */
  readonly entries: readonly Entry[];
  /** Of the last life of each replica, which ended in good order. */
  readonly reports: readonly Report[];
  /** The replicas that have just died at a step. */
  readonly fallen: readonly Fallen[];
  /** Everything is answered and in service; else some replica has just died. */
  readonly settled: boolean;
  /** Where the roots are given to a Secret and a file, too. */
  readonly placed: Placed | undefined;
  /** Everything that the replicas logged. */
  readonly log: string;
  /** Everything that they asked of the API server. */
  readonly audited: readonly AuditEvent[];
  /** JSON of the events about what is theirs. */
  readonly events: string;
  /** What they left on their volumes. */
  readonly files: readonly LeftFile[];
}

export interface LeftFile {
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
}

/** The targets that no watch tells all of. */
export interface Placed {
  /** Of the Secret. */
  readonly namespace: string;
  /** How often the Secret may have been deleted so far. */
  readonly deletions: number;
  /** Neither is wished for any more. */
  readonly withdrawn: boolean;
  /** What the file holds; undefined when it is not there. */
  readonly file: string | undefined;
  /** All that stands in its directory. */
  readonly files: readonly string[];
}

/** A replica that died at a step, with what is new in its ledger. */
export interface Fallen {
  readonly step: StepName;
  readonly fresh: readonly Entry[];
}

/** What a replica said at its start of what its predecessors left behind. */
export interface Report {
  readonly replica: string;
  /** Serials in its log. */
  readonly serials: readonly string[];
  /** In its metrics. */
  readonly gauge: number;
  /** All of them, as they are scraped. */
  readonly metrics: string;
}

/** A certificate as it appeared in the status of a request. */
export interface Delivery {
  readonly request: string;
  readonly uid: string;
  /** PEM that the requester sent. */
  readonly asked: string;
  /** Leaf, then its issuing certificate. */
  readonly pem: string;
  readonly leaf: X509Certificate;
  readonly issuing: X509Certificate;
  /** Of the first version of the request that had it. */
  readonly revision: number;
}

export function own(
  { watcher }: Evidence,
  kind: Kind,
  isOwn: (object: Version['object']) => boolean,
): Version[] {
  return watcher.history(kind).filter(({ object }) => isOwn(object));
}

export function authoritySecrets(evidence: Evidence): Version[] {
  const label = 'mangrove.dev/certificate-authority';
  return own(
    evidence,
    'secrets',
    ({ metadata }) =>
      metadata.namespace === evidence.namespace && metadata.labels?.[label] === evidence.authority,
  );
}

/** Of every root that ever stood in a Secret of its own. */
export function rootFingerprints(evidence: Evidence): Set<string> {
  const texts = authoritySecrets(evidence).map(({ object }) => decoded(object.data?.['tls.crt']));
  return new Set(texts.flatMap(certificatesOf).map(fingerprintOf));
}

export function bundles(evidence: Evidence): Version[] {
  return own(evidence, 'clusterTrustBundles', ({ spec }) => spec?.signerName === evidence.signerName);
}

export function requests(evidence: Evidence): Version[] {
  return own(evidence, 'requests', ({ spec }) => spec?.signerName === evidence.signerName);
}

export function authorityVersions(evidence: Evidence): Version[] {
  return own(evidence, 'authorities', ({ metadata }) => metadata.name === evidence.authority);
}

export function bundleText({ object }: Version): string {
  return object.spec?.trustBundle ?? '';
}

export function bundleCertificates(version: Version): X509Certificate[] {
  return certificatesOf(bundleText(version));
}

/** The newest version of each object. */
export function standing(versions: readonly Version[]): Version[] {
  return [...new Map(versions.map((version) => [version.object.metadata.uid, version])).values()];
}

/** The first appearance of each certificate. */
export function deliveries(evidence: Evidence): Delivery[] {
  const first = new Map<string, Delivery>();
  for (const { object, revision } of requests(evidence)) {
    const text = object.status?.certificate;
    const { uid, name } = object.metadata;
    if (text === undefined || first.has(`${uid} ${text}`)) continue;
    const pem = decoded(text);
    const [leaf, issuing] = certificatesOf(pem);
    if (leaf === undefined || issuing === undefined) throw new Error(`${name} got no chain`);
    const asked = decoded(object.spec?.request);
    first.set(`${uid} ${text}`, { request: name, uid, asked, pem, leaf, issuing, revision });
  }
  return [...first.values()];
}
