import { expiryOf, fingerprintOf } from './chain.ts';
import { checkGates } from './check-authorities.ts';
import { bundleCertificates, bundles, deliveries, type Evidence, rootFingerprints } from './evidence.ts';
import type { Version } from './watcher.ts';

/** What relying parties were given, at every version of it that ever stood. */
export function* checkPublished(evidence: Evidence): Iterable<string> {
  const versions = bundles(evidence);
  const name = `${evidence.signerName.replace('/', ':')}:${evidence.trustDomain}`;
  const names = new Set(versions.map(({ object }) => object.metadata.name));
  if (names.size > 1 || (names.size === 1 && !names.has(name)))
    yield `published are ${[...names].join(', ')}, not ${name}`;
  const uids = new Set(versions.map(({ object }) => object.metadata.uid));
  if (uids.size > 1) yield `the bundle was made ${uids.size} times`;
  const ours = rootFingerprints(evidence);
  for (const version of versions) yield* checkVersion(version, ours, evidence);
  yield* checkKept(evidence, versions);
  yield* checkGates(evidence);
}

function* checkVersion(
  version: Version,
  ours: ReadonlySet<string>,
  { trustDomain }: Evidence,
): Iterable<string> {
  const { object, deleted, revision } = version;
  if (deleted) yield `the bundle was deleted at revision ${revision}`;
  const certificates = bundleCertificates(version);
  if (certificates.length === 0) yield `the bundle is empty at revision ${revision}`;
  for (const certificate of certificates) {
    if (!ours.has(fingerprintOf(certificate)))
      yield `revision ${revision} publishes ${certificate.subject}, which is no root of ours`;
  }
  const { labels, annotations } = object.metadata;
  if (labels?.['mangrove.dev/channel'] !== 'live') yield `no workload can select revision ${revision}`;
  if (annotations?.['mangrove.dev/trust-domain'] !== trustDomain) {
    yield `revision ${revision} is of another trust domain`;
  }
}

/** A leaf appears after its root, and its root stays for as long as the leaf lives. */
function* checkKept(evidence: Evidence, versions: readonly Version[]): Iterable<string> {
  for (const { request, leaf, issuing, revision } of deliveries(evidence)) {
    const holds = (version: Version): boolean =>
      bundleCertificates(version).some((root) => issuing.checkIssued(root));
    const first = versions.find(holds);
    if (first === undefined || first.revision > revision) {
      yield `${request} had its certificate at revision ${revision}, its root was published at ${first?.revision ?? 'none'}`;
    }
    const [inForce] = versions.filter((version) => version.revision <= revision).slice(-1);
    const later = versions.filter((version) => version.revision > revision);
    for (const version of inForce === undefined ? later : [inForce, ...later]) {
      if (holds(version) || expiryOf(leaf) * 1000 < Date.now()) continue;
      yield `revision ${version.revision} lacks the root of ${request}, which lives`;
    }
  }
}
