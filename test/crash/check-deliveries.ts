import { openssl, opensslFields, opensslVerify } from '../oracle/openssl.ts';
import { expiryOf, fingerprintOf, serialOf, sha256, spkiSha256Of, tbsSha256Of } from './chain.ts';
import { bundles, bundleText, type Delivery, deliveries, type Evidence, requests } from './evidence.ts';
import type { Entry } from './ledger-file.ts';

/** What requesters got: each its own certificate, once, of the key that it has, by a chain that verifies, and recorded. */
export function* checkDeliveries(evidence: Evidence): Iterable<string> {
  yield* checkAnswers(evidence);
  const all = deliveries(evidence);
  const requestUids = new Set(all.map(({ uid }) => uid));
  if (requestUids.size !== all.length) yield 'a request got two certificates, one after the other';
  for (const delivery of all) {
    yield* checkChain(delivery, evidence);
    yield* checkRecorded(delivery, evidence);
  }
}

/** Nothing of ours ends a request. */
function* checkAnswers(evidence: Evidence): Iterable<string> {
  for (const { object, revision } of requests(evidence)) {
    for (const { type, reason } of object.status?.conditions ?? []) {
      if (type !== 'Approved') yield `${object.metadata.name} is ${type} (${reason}) at revision ${revision}`;
    }
  }
}

function* checkChain(delivery: Delivery, evidence: Evidence): Iterable<string> {
  const { request, leaf, issuing, revision } = delivery;
  const published = bundles(evidence).findLast((version) => version.revision < revision);
  for (const purpose of ['sslserver', 'sslclient'] as const) {
    const verified = opensslVerify({
      root: published === undefined ? '' : bundleText(published),
      intermediates: issuing.toString(),
      leaf: leaf.toString(),
      at: Math.floor(Date.now() / 1000),
      purpose,
    });
    if (!verified.ok) yield `${request}: ${verified.stderr.trim()}`;
  }
  if (leaf.subjectAltName !== `URI:${evidence.spiffeId}`) yield `${request} is for ${leaf.subjectAltName}`;
  const { stdout } = openssl(['req', '-noout', '-pubkey'], delivery.asked);
  const body = /-----BEGIN PUBLIC KEY-----([^-]*)-----END/.exec(stdout)?.[1] ?? '';
  if (sha256(Buffer.from(body, 'base64')) !== spkiSha256Of(leaf)) yield `${request} is of another key`;
  yield* checkProfile(delivery);
  if (leaf.ca) yield `${request} is a CA certificate`;
  if (expiryOf(leaf) > expiryOf(issuing)) yield `${request} outlives its issuing certificate`;
}

/** What was approved, and not one extension more; by a reader that is not ours. */
function* checkProfile({ request, leaf, issuing }: Delivery): Iterable<string> {
  const found = opensslFields(leaf.raw);
  const wanted = {
    version: 3,
    subject: '',
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
    subjectAltNames: [leaf.subjectAltName],
    authorityKeyId: opensslFields(issuing.raw).subjectKeyId,
    criticalExtensions: ['2.5.29.15', '2.5.29.17', '2.5.29.19'],
  } as const;
  for (const [key, value] of Object.entries(wanted)) {
    const told = JSON.stringify(Object.entries(found).find(([name]) => name === key)?.[1]);
    if (told !== JSON.stringify(value)) yield `${request} has the ${key} ${told}`;
  }
}

/** By the replica that signed it: the leaf and, before it, the issuing certificate whose key that replica alone has. */
function* checkRecorded({ request, uid, leaf, issuing }: Delivery, evidence: Evidence): Iterable<string> {
  const { entries, spiffeId } = evidence;
  const find = (serial: string): Entry | undefined => entries.find((entry) => entry.serial === serial);
  const [entry, above] = [find(serialOf(leaf)), find(serialOf(issuing))];
  if (entry === undefined || above === undefined) {
    yield `${request}: no ledger has ${entry === undefined ? 'its certificate' : 'its issuing certificate'}`;
    return;
  }
  const wanted = {
    kind: 'leaf',
    requestUid: uid,
    identity: spiffeId,
    issuer: fingerprintOf(issuing),
    spkiSha256: spkiSha256Of(leaf),
    tbsSha256: tbsSha256Of(leaf),
    notAfter: expiryOf(leaf),
    outcome: 'issued',
    certificateSha256: fingerprintOf(leaf),
  } as const;
  yield* differences(request, entry, wanted);
  yield* differences(`the issuer of ${request}`, above, {
    kind: 'issuing',
    requestUid: entry.replica,
    replica: entry.replica,
    spkiSha256: spkiSha256Of(issuing),
    notAfter: expiryOf(issuing),
    outcome: 'issued',
    certificateSha256: fingerprintOf(issuing),
  });
}

function* differences(what: string, entry: Entry, wanted: Partial<Entry>): Iterable<string> {
  for (const [key, value] of Object.entries(wanted)) {
    const found = Object.entries(entry).find(([name]) => name === key)?.[1];
    if (found !== value) yield `${what}: the ledger says ${key}=${found}, it is ${value}`;
  }
}
