import { certificatesOf, sha256 } from './chain.ts';
import type { Version, Watcher } from './watcher.ts';

/** What was seen from outside of one TrustBundle whose live targets wait for promotions. */
export interface PromotionEvidence {
  readonly watcher: Pick<Watcher, 'history'>;
  readonly trustDomain: string;
  readonly signerName: string;
  /** That get a ConfigMap. */
  readonly namespaces: readonly string[];
  /** The last promotion arrived; else a replica has just died. */
  readonly settled: boolean;
}

/** A hash that an operator named. */
interface Naming {
  readonly hash: string;
  readonly revision: number;
}

/** Whatever stood in a live target was promoted before, none is empty or goes back, and in the end every one holds the same bytes. */
export function* checkPromotion(evidence: PromotionEvidence): Iterable<string> {
  const named = namings(evidence);
  const targets = liveTargets(evidence);
  for (const [name, versions] of targets) yield* checkTarget(name, versions, named);
  if (!evidence.settled) return;
  const wanted = ['', ...evidence.namespaces].filter((place) => !hasTarget(targets, place));
  for (const place of wanted) yield `nothing was published in ${place === '' ? 'the cluster' : place}`;
  for (const [name, versions] of targets) {
    const text = textOf(versions.at(-1));
    if (sha256(text) !== named.at(-1)?.hash) yield `${name} ends with something else than what was promoted`;
  }
}

function* checkTarget(
  name: string,
  versions: readonly Version[],
  named: readonly Naming[],
): Iterable<string> {
  let reached = -1;
  for (const version of versions) {
    const { revision, deleted } = version;
    if (deleted) yield `${name} was deleted at revision ${revision}`;
    const text = textOf(version);
    if (certificatesOf(text).length === 0) yield `${name} is empty at revision ${revision}`;
    const known = named.filter((naming) => naming.revision <= revision);
    // Before anybody promotes anything live targets hold what the sources give.
    if (known.length === 0) continue;
    const at = known.findLastIndex(({ hash }) => hash === sha256(text));
    if (at === -1) yield `${name} holds at revision ${revision} what nobody has promoted`;
    else if (at < reached) yield `${name} goes back at revision ${revision}`;
    reached = Math.max(reached, at);
  }
}

function namings({ watcher, trustDomain }: PromotionEvidence): Naming[] {
  return watcher
    .history('trustBundles')
    .filter(({ object: { spec } }) => spec?.trustDomain === trustDomain)
    .map(({ object: { spec }, revision }) => ({ hash: spec?.promoted ?? '', revision }))
    .filter(({ hash }, index, all) => hash !== '' && hash !== all[index - 1]?.hash);
}

/** Every version of each, by `<namespace>/<name>`. */
function liveTargets({
  watcher,
  signerName,
  namespaces,
}: PromotionEvidence): ReadonlyMap<string, readonly Version[]> {
  const bundles = watcher
    .history('clusterTrustBundles')
    .filter(({ object: { spec } }) => spec?.signerName === signerName)
    .filter(({ object: { metadata } }) => metadata.labels?.['mangrove.dev/channel'] === 'live');
  const placed = watcher
    .history('configMaps')
    .filter(({ object: { metadata } }) => namespaces.includes(metadata.namespace ?? ''));
  return Map.groupBy(
    [...bundles, ...placed],
    ({ object: { metadata } }) => `${metadata.namespace ?? ''}/${metadata.name}`,
  );
}

function hasTarget(targets: ReadonlyMap<string, unknown>, place: string): boolean {
  return [...targets.keys()].some((name) => name.startsWith(`${place}/`));
}

function textOf(version: Version | undefined): string {
  return version?.object.spec?.trustBundle ?? version?.object.data?.['ca.crt'] ?? '';
}
