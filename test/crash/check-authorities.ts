import { opensslVerify } from '../oracle/openssl.ts';
import { certificatesOf, decoded, fingerprintOf, spkiSha256Of } from './chain.ts';
import {
  authoritySecrets,
  authorityVersions,
  bundleCertificates,
  bundles,
  type Evidence,
} from './evidence.ts';
import type { Seen, Version } from './watcher.ts';

const generationLabel = 'mangrove.dev/generation';
const timestamp = /^mangrove\.dev\/[a-z]+-at$/;

/** One root for each generation, for ever; none renewed; none signs before it was published; never two active. */
export function* checkAuthorities(evidence: Evidence): Iterable<string> {
  const secrets = authoritySecrets(evidence);
  const generations = Map.groupBy(secrets, ({ object }) => object.metadata.labels?.[generationLabel] ?? '');
  for (const [generation, versions] of generations) yield* checkGeneration(evidence, generation, versions);
  yield* checkDistinct(secrets);
  for (const { object, revision } of authorityVersions(evidence)) {
    const active = object.status?.authorities?.filter(({ phase }) => phase === 'Active') ?? [];
    if (active.length > 1) yield `revision ${revision}: ${active.length} roots are Active`;
  }
}

function* checkGeneration(
  { namespace, authority }: Evidence,
  generation: string,
  versions: readonly Version[],
): Iterable<string> {
  const what = `generation ${generation}`;
  const one = (name: string, valueOf: (object: Seen) => unknown): string[] => {
    const values = new Set(versions.map(({ object }) => JSON.stringify(valueOf(object))));
    return values.size === 1 ? [] : [`${what} had ${values.size} different ${name}`];
  };
  yield* one('names', ({ metadata }) => [metadata.namespace, metadata.name]);
  yield* one('UIDs', ({ metadata }) => metadata.uid);
  yield* one('certificates', ({ data }) => data?.['tls.crt']);
  yield* one('keys', ({ data }) => data?.['tls.key']);
  const [first] = versions;
  if (first?.object.metadata.name !== `${authority}-authority-${generation}`) {
    yield `${what} is Secret ${namespace}/${first?.object.metadata.name}`;
  }
  let before: Readonly<Record<string, string>> = {};
  for (const { object, deleted, revision } of versions) {
    if (deleted) yield `${what} was deleted at revision ${revision}`;
    if (object.immutable !== true) yield `${what} is not immutable at revision ${revision}`;
    const annotations = object.metadata.annotations ?? {};
    for (const [key, value] of Object.entries(before)) {
      if (timestamp.test(key) && annotations[key] !== value) yield `${what}: ${key} changed at ${revision}`;
    }
    before = annotations;
  }
}

/** Never the same key or name twice, and each is what it says. */
function* checkDistinct(secrets: readonly Version[]): Iterable<string> {
  const roots = secrets.flatMap(({ object }) => certificatesOf(decoded(object.data?.['tls.crt'])));
  const distinct = [...new Map(roots.map((root) => [fingerprintOf(root), root])).values()];
  for (const [name, valueOf] of [
    ['key', spkiSha256Of],
    ['name', (root: (typeof roots)[number]) => root.subject],
  ] as const) {
    if (new Set(distinct.map(valueOf)).size !== distinct.length) yield `two roots have one ${name}`;
  }
  for (const root of distinct) {
    const pem = root.toString();
    const at = Math.floor(Date.now() / 1000);
    const { ok, stderr } = opensslVerify({ root: pem, leaf: pem, at, rootSignature: true });
    if (!ok) yield `root ${root.subject}: ${stderr}`;
    if (!root.ca) yield `root ${root.subject} is no CA certificate`;
  }
}

/** Steps that nothing comes to before a root is published. */
const behindPublication = /^(?:authority\/(?:prepare|activate)|mint\/.*|issue\/.*|answer\/.*)$/;

/** What a phase stands on was true before it was written, and before anybody set about it. */
export function* checkGates(evidence: Evidence): Iterable<string> {
  if (bundles(evidence).length === 0) {
    for (const { step } of evidence.fallen) {
      if (behindPublication.test(step)) yield `${step} was reached, and nothing is published`;
    }
  }
  for (const kind of ['published-at', 'activated-at']) {
    const set = authoritySecrets(evidence).find(
      ({ object }) => object.metadata.annotations?.[`mangrove.dev/${kind}`] !== undefined,
    );
    if (set === undefined) continue;
    const [root] = certificatesOf(decoded(set.object.data?.['tls.crt']));
    const held = bundles(evidence).find((version) =>
      bundleCertificates(version).some(({ raw }) => root !== undefined && raw.equals(root.raw)),
    );
    if (held === undefined || held.revision > set.revision) {
      yield `${kind} was written at revision ${set.revision}; the root was published at ${held?.revision ?? 'none'}`;
    }
  }
}
