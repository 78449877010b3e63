import { hash } from 'node:crypto';
import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { atPlaces } from '#bundles/bundle/places.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { Recalled } from '#bundles/source/memory.ts';
import type { Removal } from '#bundles/source/removal.ts';
import { isOurs, type LastPublished, type Published } from '#bundles/source/shrink.ts';

/** Roots by fingerprint, as places show them that this program writes. */
export type ShownRoots = ReadonlyMap<string, Anchor>;

const block = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;

/**
 * The roots in these PEM texts. Whoever edited one, a root in it is proven by its fingerprint; so what else there is, is passed by.
 * @param published PEM of the targets
 */
export function shownRoots(published: readonly string[]): ShownRoots {
  const roots = new Map<string, Anchor>();
  for (const [, base64 = ''] of published.flatMap((pem) => [...pem.matchAll(block)])) {
    const der = Buffer.from(base64, 'base64');
    const sha256 = hash('sha256', der);
    const anchor = roots.get(sha256) ?? readable(der);
    if (anchor !== undefined) roots.set(sha256, anchor);
  }
  return roots;
}

function readable(der: Buffer): Anchor | undefined {
  try {
    return parseAnchor(der, 'published root');
  } catch {
    return undefined;
  }
}

/** Fingerprints of roots that were published or promoted and that nothing shows now. One that has expired since is missed by nobody. */
export function missingFrom(status: TrustBundleStatus | undefined, shown: ShownRoots, now: number): string[] {
  const told = [...(status?.anchors ?? []), ...(status?.promoted?.anchors ?? [])];
  const missing = told.filter(({ sha256, notAfter }) => !shown.has(sha256) && Date.parse(notAfter) >= now);
  return [...new Set(missing.map(({ sha256 }) => sha256))];
}

/**
 * What was published last, by the status, with the bytes that the targets show.
 * @param inherited what stood in the targets before this TrustBundle published anything
 */
export function recallPublished(
  status: TrustBundleStatus | undefined,
  shown: ShownRoots,
  inherited: ShownRoots,
  now: number,
): LastPublished {
  if (status?.anchors === undefined) {
    const kept = [...inherited.values()].map((anchor) => ({ anchor, source: '', withheld: false, since: 0 }));
    return { anchors: kept, unseen: [], removals: recallRemovals(status) };
  }
  const anchors: Published[] = [];
  const unseen: LastPublished['unseen'][number][] = [];
  for (const { sha256, source, notAfter, since: joined, withheldTime } of status.anchors) {
    const since = joined === undefined ? 0 : Date.parse(joined);
    const anchor = shown.get(sha256);
    if (anchor !== undefined) anchors.push({ anchor, source, withheld: withheldTime !== undefined, since });
    else if (!isOurs(source) && Date.parse(notAfter) >= now) unseen.push({ sha256, since });
  }
  return { anchors, unseen, removals: recallRemovals(status) };
}

function recallRemovals(status: TrustBundleStatus | undefined): Removal[] {
  return (status?.removals ?? []).map(({ sha256, since, time }) => ({
    sha256,
    since: since === undefined ? 0 : Date.parse(since),
    at: Date.parse(time),
  }));
}

const gaveNothing: Recalled = { anchors: [], vanished: new Map(), goodAt: undefined };

/**
 * What a source gave before this process began, as far as it was published: the status says which roots, and the targets have their
 * bytes. What no target shows can leave none.
 * @param source such as `authority/mesh`
 * @returns undefined when the status does not say it
 */
export function recallSource(
  source: string,
  status: TrustBundleStatus | undefined,
  shown: ShownRoots,
): Recalled | undefined {
  const before = status?.sources?.find(({ kind, name }) => `${kind}/${name}` === source);
  // It was told of before, and never gave anything: nothing of it is published.
  if (before !== undefined && before.hash === undefined) return gaveNothing;
  if (before?.roots === undefined || before.lastGoodTime === undefined) return undefined;
  const fingerprints = fingerprintsAt(before.roots, status);
  if (fingerprints === undefined) return undefined;
  const anchors = fingerprints.map((sha256) => shown.get(sha256)).filter((anchor) => anchor !== undefined);
  return { anchors, vanished: vanishedOf(before, status), goodAt: Date.parse(before.lastGoodTime) };
}

type SourceStatus = NonNullable<TrustBundleStatus['sources']>[number];

function vanishedOf({ vanished = [] }: SourceStatus, status: TrustBundleStatus | undefined) {
  return new Map(
    vanished.flatMap(({ roots, time }) =>
      (fingerprintsAt(roots, status) ?? []).map((sha256) => [sha256, Date.parse(time)] as const),
    ),
  );
}

/** Fingerprints of the roots at these places of the status; undefined when it does not have them. */
export function fingerprintsAt(
  places: string,
  status: TrustBundleStatus | undefined,
): readonly string[] | undefined {
  return atPlaces(places, status?.anchors ?? [])?.map(({ sha256 }) => sha256);
}
