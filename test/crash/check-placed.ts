import { certificatesOf, decoded, fingerprintOf } from './chain.ts';
import { bundles, bundleText, type Evidence, own, rootFingerprints, standing } from './evidence.ts';
import type { Version } from './watcher.ts';

/** What the Secret and the file of a TrustBundle hold: whole sets of our roots, whoever died while they were written. */
export function* checkPlaced(evidence: Evidence): Iterable<string> {
  const { placed } = evidence;
  if (placed === undefined) return;
  const versions = secretVersions(evidence, placed.namespace);
  const deletions = versions.filter(({ deleted }) => deleted).length;
  if (deletions > placed.deletions) yield `the Secret was deleted ${deletions} times`;
  for (const version of versions) {
    if (!version.deleted)
      yield* checkText(`the Secret at revision ${version.revision}`, textOf(version), evidence);
  }
  yield* checkFile(placed, evidence);
  if (evidence.settled) yield* checkLast(placed, versions, evidence);
}

type Placed = NonNullable<Evidence['placed']>;

function secretVersions(evidence: Evidence, namespace: string): Version[] {
  const name = `mangrove-trust-${evidence.trustDomain}`;
  return own(
    evidence,
    'secrets',
    ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
  );
}

function textOf({ object }: Version): string {
  return decoded(object.data?.['ca.crt']);
}

function* checkText(what: string, text: string, evidence: Evidence): Iterable<string> {
  const certificates = certificatesOf(text);
  if (certificates.length === 0) yield `${what} is empty`;
  if (certificates.join('') !== text) yield `${what} holds something else than whole certificates`;
  const ours = rootFingerprints(evidence);
  for (const certificate of certificates) {
    if (!ours.has(fingerprintOf(certificate)))
      yield `${what} holds ${certificate.subject}, which is no root of ours`;
  }
}

function* checkFile({ file, files }: Placed, evidence: Evidence): Iterable<string> {
  if (file !== undefined) yield* checkText('the file', file, evidence);
  // A replica that dies before its rename leaves what it wrote under another name.
  const target = `${evidence.trustDomain}.pem`;
  const others = files.filter((name) => name !== target && !/^\.mangrove-[0-9a-f-]{36}$/.test(name));
  if (others.length > 0) yield `beside the file there is ${others.join(', ')}`;
}

function* checkLast(
  { file, withdrawn }: Placed,
  versions: readonly Version[],
  evidence: Evidence,
): Iterable<string> {
  const [bundle] = standing(bundles(evidence));
  const wanted = withdrawn || bundle === undefined ? undefined : bundleText(bundle);
  const last = versions.at(-1);
  const secret = last === undefined || last.deleted ? undefined : textOf(last);
  for (const [what, held] of [
    ['the Secret', secret],
    ['the file', file],
  ] as const) {
    if (held !== wanted)
      yield `${what} ${held === undefined ? 'is not there' : 'holds something else than is published'}`;
  }
}
