import { decoded } from './chain.ts';
import {
  authoritySecrets,
  authorityVersions,
  bundles,
  type Evidence,
  own,
  requests,
  standing,
} from './evidence.ts';
import type { Seen } from './watcher.ts';

/** Nothing is missing or left half-made once it is quiet. */
export function* checkSettled(evidence: Evidence): Iterable<string> {
  if (authoritySecrets(evidence).length === 0) yield 'there is no root';
  if (bundles(evidence).length === 0) yield 'nothing was published';
  for (const { object } of standing(requests(evidence))) {
    if (object.status?.certificate === undefined) yield `${object.metadata.name} was not answered`;
  }
  yield* checkMarked(evidence);
  const [authority] = standing(authorityVersions(evidence));
  yield* conditionsOf('the CertificateAuthority', authority?.object, ['Ready']);
  const served = authority?.object.status?.publishedSignerNames;
  if (JSON.stringify(served) !== JSON.stringify([evidence.signerName])) {
    yield `served are ${JSON.stringify(served)}`;
  }
  const trustBundles = own(
    evidence,
    'trustBundles',
    ({ spec }) => spec?.trustDomain === evidence.trustDomain,
  );
  const stand = standing(trustBundles);
  if (stand.length !== 1) yield `there are ${stand.length} TrustBundles`;
  for (const { object } of stand) yield* conditionsOf('the TrustBundle', object, ['Published', 'Ready']);
}

function* checkMarked(evidence: Evidence): Iterable<string> {
  for (const { object } of standing(authoritySecrets(evidence))) {
    for (const mark of ['published-at', 'activated-at']) {
      if (object.metadata.annotations?.[`mangrove.dev/${mark}`] === undefined) yield `a root has no ${mark}`;
    }
  }
}

function* conditionsOf(what: string, object: Seen | undefined, types: readonly string[]): Iterable<string> {
  const conditions = object?.status?.conditions ?? [];
  for (const wanted of types) {
    const status = conditions.find(({ type }) => type === wanted)?.status ?? 'nothing';
    if (status !== 'True') yield `${what} says ${status} of ${wanted}`;
  }
}

/** No key stands anywhere but in its Secret, and no file is for others to read. */
export function* checkSecrecy(evidence: Evidence): Iterable<string> {
  for (const { name, mode } of evidence.files) {
    if ((mode & 0o077) !== 0) yield `${name} may be read by others: ${mode.toString(8)}`;
  }
  const elsewhere =
    evidence.log +
    evidence.events +
    evidence.reports.map(({ metrics }) => metrics).join('') +
    JSON.stringify(evidence.watcher.history('authorities').map(({ object }) => object.status)) +
    // What others paste into a specification is theirs.
    JSON.stringify(evidence.watcher.history('trustBundles').map(({ object }) => object.status));
  // With the dashes of its line: a refusal may well say what it is that it refuses.
  if (elsewhere.includes('PRIVATE KEY-----'))
    yield 'a private key stands in a log, a metric, an event or a status';
  for (const { object } of authoritySecrets(evidence)) {
    const encoded = object.data?.['tls.key'] ?? '';
    // The middle of its base64, which no header shares.
    const body = decoded(encoded).split('\n')[1] ?? encoded;
    if ([encoded, body].some((text) => elsewhere.includes(text)))
      yield 'the key of a root is in a log, a metric, an event or a status';
  }
}
