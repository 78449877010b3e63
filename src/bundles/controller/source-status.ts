import type { Anchor } from '#bundles/bundle/anchor.ts';
import { bundleHash } from '#bundles/bundle/bundle.ts';
import { placesText } from '#bundles/bundle/places.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import { fingerprintsAt } from '#bundles/controller/recall.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import type { SourceReading } from '#bundles/source/memory.ts';
import { type Removal, recentRemovals } from '#bundles/source/removal.ts';
import { advice } from '#errors/error.ts';
import { formatTime } from '#kube/micro-time.ts';

type AnchorStatus = NonNullable<TrustBundleStatus['anchors']>[number];
type SourceStatus = NonNullable<TrustBundleStatus['sources']>[number];

/** What the sources of one TrustBundle were worth, and what was told of them last. */
export interface SourceFindings {
  readonly readings: readonly SourceReading[];
  readonly assembly: Assembly;
  /** What has left the bundle unasked not long ago. */
  readonly removals: readonly Removal[];
}

/** Limits of the CRD. */
const MAX_ANCHORS = 2048;
const MAX_TEXT = 4096;
const MAX_SUBJECT = 1024;
const MAX_TIMES = 64;

/** Of the 1.5 MiB that etcd takes for an object, inline PEM may have half; the roots of the status have so much of the other. */
const ANCHOR_BYTES = 655_360;
/** What one has besides its subject, with a source of a common name. */
const PLAIN_BYTES = 280;

/** The part of the status that tells of roots and where they come from. */
export function sourcesStatus(
  findings: SourceFindings,
  before: TrustBundleStatus | undefined,
  now: number,
): Pick<TrustBundleStatus, 'anchors' | 'removals' | 'sources'> {
  const { readings, assembly } = findings;
  const removals = removalStatus(findings.removals, now);
  // Without a bundle the targets keep what they hold, so the status does too.
  const anchors =
    assembly.bundle === undefined
      ? before?.anchors
      : anchorStatus(assembly.bundle.anchors, findings, before, now);
  const kept = assembly.bundle === undefined;
  const places = new Map(anchors?.map(({ sha256 }, place) => [sha256, place]));
  return {
    ...(anchors !== undefined && { anchors }),
    ...(removals.length > 0 && { removals }),
    sources: readings.map((reading) => {
      const last = lastOf(reading.name, before);
      const told = sourceStatus(reading, last);
      if (kept) return { ...told, ...keptRoots(last) };
      return { ...told, ...rootsOf(reading, last, { before, places, assembly }) };
    }),
  };
}

function anchorStatus(
  anchors: readonly Anchor[],
  { readings, assembly }: SourceFindings,
  before: TrustBundleStatus | undefined,
  now: number,
): AnchorStatus[] {
  const withheld = new Set(assembly.withheld.map(({ sha256 }) => sha256));
  const last = new Map(before?.anchors?.map((anchor) => [anchor.sha256, anchor]));
  const held = new Set(anchors.map(({ sha256 }) => sha256));
  const givers = giversOf(readings);
  const subjectLength = Math.min(MAX_SUBJECT, Math.floor(ANCHOR_BYTES / anchors.length) - PLAIN_BYTES);
  const told = anchors.map(({ sha256, subject, notBefore, notAfter }) => {
    const { source = last.get(sha256)?.source ?? '', vanishedAt } = givers.get(sha256) ?? {};
    return {
      sha256,
      subject: subject.slice(0, subjectLength),
      notBefore: formatTime(notBefore * 1000),
      notAfter: formatTime(notAfter * 1000),
      source,
      since: last.get(sha256)?.since ?? formatTime(now),
      ...(vanishedAt !== undefined && { vanishedTime: formatTime(vanishedAt) }),
      ...(withheld.has(sha256) && { withheldTime: last.get(sha256)?.withheldTime ?? formatTime(now) }),
    };
  });
  // What an unread source gave is not in this bundle, but still in the targets, and is recalled from here.
  const unread = unreadRoots(readings, before);
  const kept = (before?.anchors ?? []).filter(({ sha256 }) => unread.has(sha256) && !held.has(sha256));
  return [...told, ...kept].slice(0, MAX_ANCHORS);
}

interface Giver {
  readonly source: string;
  readonly vanishedAt: number | undefined;
}

/** Who gives each root, before those who only retain it. */
function giversOf(readings: readonly SourceReading[]): ReadonlyMap<string, Giver> {
  const givers = new Map<string, Giver>();
  for (const { name, anchors = [], vanished } of readings) {
    for (const { sha256 } of anchors) {
      const known = givers.get(sha256);
      const vanishedAt = vanished.get(sha256);
      if (known !== undefined && (known.vanishedAt === undefined || vanishedAt !== undefined)) continue;
      givers.set(sha256, { source: name, vanishedAt });
    }
  }
  return givers;
}

/** What sources gave of which nothing is known but what the status says. */
function unreadRoots(
  readings: readonly SourceReading[],
  before: TrustBundleStatus | undefined,
): ReadonlySet<string> {
  const unread = readings.filter(({ anchors }) => anchors === undefined).map(({ name }) => name);
  const theirs = (before?.anchors ?? []).filter(({ source }) => unread.includes(source));
  const shared = unread.flatMap((name) => fingerprintsAt(lastOf(name, before)?.roots ?? '', before) ?? []);
  return new Set([...theirs.map(({ sha256 }) => sha256), ...shared]);
}

function lastOf(name: string, before: TrustBundleStatus | undefined): SourceStatus | undefined {
  return before?.sources?.find((source) => `${source.kind}/${source.name}` === name);
}

function sourceStatus(
  { name, anchors, goodAt, error, note }: SourceReading,
  last: SourceStatus | undefined,
): SourceStatus {
  const slash = name.indexOf('/');
  const hash = anchors === undefined ? last?.hash : hashOf(anchors);
  const lastGoodTime = goodAt === undefined ? last?.lastGoodTime : formatTime(goodAt);
  return {
    kind: name.slice(0, slash),
    name: name.slice(slash + 1),
    ...(hash !== undefined && { hash }),
    ...(lastGoodTime !== undefined && { lastGoodTime }),
    ...(error !== undefined && { error: advice(error).slice(0, MAX_TEXT) }),
    ...(note !== undefined && { note: note.slice(0, MAX_TEXT) }),
  };
}

function hashOf(anchors: readonly Anchor[]): string {
  return bundleHash(new Map(anchors.map(({ sha256, der }) => [sha256, der])));
}

type RootsStatus = Pick<SourceStatus, 'roots' | 'vanished'>;

/** Of what is not published yet the status says nothing; so a source that was never told of gave none of the roots in it. */
function keptRoots(last: SourceStatus | undefined): RootsStatus {
  const roots = last?.roots ?? (last?.hash === undefined ? '' : undefined);
  return {
    ...(roots !== undefined && { roots }),
    ...(last?.vanished !== undefined && { vanished: last.vanished }),
  };
}

interface RootsContext {
  readonly before: TrustBundleStatus | undefined;
  /** Of each root in the new status. */
  readonly places: ReadonlyMap<string, number>;
  readonly assembly: Assembly;
}

/**
 * Which of the published roots a source gives or retains; without `roots` when the status has no room for one of them. What has expired, or
 * joins later, is in no target, and so it is not missed.
 */
function rootsOf(reading: SourceReading, last: SourceStatus | undefined, context: RootsContext): RootsStatus {
  const { before, places, assembly } = context;
  const { anchors, vanished } = reading;
  if (anchors === undefined) return unreadRootsOf(last, before, places);
  const whole = places.size >= (assembly.bundle?.anchors.length ?? 0);
  const placed = anchors.map(({ sha256 }) => places.get(sha256)).filter((place) => place !== undefined);
  const times = timesOf(vanished, places);
  return { ...(whole && { roots: placesText(placed) }), ...(times.length > 0 && { vanished: times }) };
}

/** As it was told before, at the places of now; nothing when one of its roots has no place any more. */
function unreadRootsOf(
  last: SourceStatus | undefined,
  before: TrustBundleStatus | undefined,
  places: ReadonlyMap<string, number>,
): RootsStatus {
  const { roots: told, vanished } = last ?? {};
  const known = told === undefined ? undefined : fingerprintsAt(told, before);
  if (known?.every((sha256) => places.has(sha256)) !== true) return {};
  const placed = (fingerprints: readonly string[]): string =>
    placesText(fingerprints.flatMap((sha256) => places.get(sha256) ?? []));
  const times = vanished?.map(({ roots, time }) => ({
    roots: placed(fingerprintsAt(roots, before) ?? []),
    time,
  }));
  return { roots: placed(known), ...(times && { vanished: times }) };
}

/** When roots vanished that are retained. When they did so at more times than there is room for, the last ones stay a little longer. */
function timesOf(
  vanished: SourceReading['vanished'],
  places: ReadonlyMap<string, number>,
): NonNullable<SourceStatus['vanished']> {
  const bySecond = new Map<string, number[]>();
  const known = [...vanished].toSorted(([, a], [, b]) => a - b);
  for (const [sha256, at] of known) {
    const place = places.get(sha256);
    if (place === undefined) continue;
    const time = formatTime(at);
    bySecond.set(time, [...(bySecond.get(time) ?? []), place]);
  }
  const times = [...bySecond];
  const last = times.splice(MAX_TIMES - 1);
  const [latest] = last.at(-1) ?? [];
  const merged = latest === undefined ? [] : [[latest, last.flatMap(([, at]) => at)] as const];
  return [...times, ...merged].map(([time, at]) => ({ roots: placesText(at), time }));
}

function removalStatus(
  removals: readonly Removal[],
  now: number,
): NonNullable<TrustBundleStatus['removals']> {
  return recentRemovals(removals, now).map(({ sha256, since, at }) => ({
    sha256,
    ...(since > 0 && { since: formatTime(since) }),
    time: formatTime(at),
  }));
}
