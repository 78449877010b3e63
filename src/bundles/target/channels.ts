import { type Anchor, admission } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import { timeText } from '#bundles/bundle/holding.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import type { NamedTarget } from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';

/** What a target should hold, or why that is not known, so that it keeps what it holds. */
export type Content = Pick<Assembly, 'bundle' | 'error' | 'partial'>;

/** The set that was promoted, as the status tells it. */
export type PromotedSet = NonNullable<TrustBundleStatus['promoted']>;

/** How what live targets hold compares with what the sources give. */
export type Promotion =
  /** The specification does not ask for one: they are the same. */
  | { readonly state: 'unasked' }
  | { readonly state: 'promoted' }
  | { readonly state: 'pending'; readonly joining: readonly Anchor[]; readonly leaving: readonly Anchor[] }
  /** Not every source is read, or every target listed, so nothing can be compared. */
  | { readonly state: 'unread'; readonly error: MangroveError }
  /** MangroveError BUNDLE_PROMOTION_UNKNOWN, BUNDLE_PROMOTED_LOST, BUNDLE_EMPTY: somebody has to do something. */
  | { readonly state: 'refused'; readonly error: MangroveError };

export interface Channels {
  /** What canary ClusterTrustBundles should hold: what the sources give. */
  readonly canary: Content;
  /** What every other target should hold. */
  readonly live: Content;
  readonly promotion: Promotion;
  /** For the status; undefined when nothing is promoted. */
  readonly promoted: PromotedSet | undefined;
  /** Live targets change once the status tells of the promotion: a process that ends in between must not take it back. */
  readonly announced: boolean;
  /** Roots whose bytes have to be kept. */
  readonly kept: readonly Anchor[];
  /** Epoch seconds at which a target changes by itself; Infinity for never. */
  readonly changesAt: number;
}

export interface ChannelsQuestion {
  readonly trustDomain: string;
  /** Hash that the specification promotes; undefined: every change at once. */
  readonly wanted: string | undefined;
  /** What the sources give. */
  readonly assembly: Assembly;
  /** By the status. */
  readonly before: PromotedSet | undefined;
  /** Roots at hand, by fingerprint. */
  readonly bytes: ReadonlyMap<string, Anchor>;
  /** Every target was looked at for them. */
  readonly isComplete: boolean;
  /** Wall clock, ms. */
  readonly now: number;
}

/** What each channel holds. Live targets change only to the very set whose hash an operator names. */
export function channelsOf(question: ChannelsQuestion): Channels {
  const { wanted, assembly, before, bytes, now } = question;
  if (wanted === undefined) {
    const promotion = { state: 'unasked' } as const;
    const { changesAt } = assembly;
    return {
      canary: assembly,
      live: assembly,
      promotion,
      promoted: undefined,
      announced: false,
      kept: [],
      changesAt,
    };
  }
  const { bundle } = assembly;
  const isNew = bundle?.sha256 === wanted && before?.hash !== wanted;
  const promoted = isNew ? setOf(bundle, now) : before;
  const announced = isNew && before !== undefined;
  const inForce = announced ? before : promoted;
  const live = inForce === undefined ? nothing(wanted, assembly) : contentOf(inForce, question);
  const sets = [promoted, inForce].flatMap((set) => set?.anchors ?? []);
  const kept = sets.map(({ sha256 }) => bytes.get(sha256)).filter((anchor) => anchor !== undefined);
  return {
    canary: assembly,
    live,
    promotion: promotionOf(question, promoted?.hash, live),
    promoted,
    announced,
    kept: [...new Set([...kept, ...(isNew ? bundle.anchors : [])])],
    changesAt: Math.min(assembly.changesAt, ...kept.map((anchor) => nextChange(anchor, now))),
  };
}

/** It holds what the sources give, promoted or not. */
export function isCanary(target: NamedTarget): boolean {
  return target.kind === 'clusterTrustBundle' && target.spec.channel === 'canary';
}

/** What that target should hold. */
export function contentFor(
  target: NamedTarget,
  { canary, live }: Pick<Channels, 'canary' | 'live'>,
): Content {
  return isCanary(target) ? canary : live;
}

function setOf({ sha256: hash, anchors }: Bundle, now: number): PromotedSet {
  const roots = anchors.map(({ sha256, notAfter }) => ({ sha256, notAfter: timeText(notAfter) }));
  return { hash, anchors: roots, time: timeText(Math.floor(now / 1000)) };
}

function nextChange(anchor: Anchor, now: number): number {
  const verdict = admission(anchor, Math.floor(now / 1000));
  return verdict.state === 'expired' ? Number.POSITIVE_INFINITY : verdict.until;
}

/** A set that was promoted, less what has expired since; a root that nobody has any more leaves the targets as they are. */
function contentOf(
  { anchors }: PromotedSet,
  { trustDomain, bytes, isComplete, now }: ChannelsQuestion,
): Content {
  const valid = anchors.filter(({ notAfter }) => Math.floor(now / 1000) * 1000 <= Date.parse(notAfter));
  const missing = valid.filter(({ sha256 }) => !bytes.has(sha256)).map(({ sha256 }) => sha256.slice(0, 8));
  if (missing.length > 0) return { bundle: undefined, error: lost(missing, isComplete), partial: false };
  const held = valid.map(({ sha256 }) => bytes.get(sha256)).filter((anchor) => anchor !== undefined);
  try {
    return { bundle: makeBundle(trustDomain, held), error: undefined, partial: false };
  } catch (error) {
    return { bundle: undefined, error, partial: false };
  }
}

function lost(missing: readonly string[], isComplete: boolean): MangroveError {
  const named = missing.slice(0, mostNamed).join(', ');
  return isComplete
    ? new MangroveError('BUNDLE_PROMOTED_LOST', `no target holds the promoted roots ${named} any more`)
    : new MangroveError(
        'BUNDLE_TARGET_UNAVAILABLE',
        `the ClusterTrustBundles were not listed since the start, and the promoted roots ${named} are nowhere else`,
      );
}

const mostNamed = 8;

/** Nothing was promoted yet, so what live targets hold is not ours to change. */
function nothing(wanted: string, assembly: Assembly): Content {
  const error = isRead(assembly) ? unknownHash(wanted, assembly, undefined) : unread(assembly);
  return { bundle: undefined, error, partial: false };
}

function isRead({ bundle, partial }: Assembly): boolean {
  return bundle !== undefined && !partial;
}

function unread({ error }: Assembly): MangroveError {
  if (error instanceof MangroveError) return error;
  const message = 'a source is not read yet, so what a promotion changes is not known';
  return new MangroveError('BUNDLE_SOURCE_PENDING', message);
}

function unknownHash(wanted: string, { bundle }: Assembly, promoted: string | undefined): MangroveError {
  const kept = promoted === undefined ? 'nothing is promoted yet' : `the targets keep ${promoted}`;
  return new MangroveError(
    'BUNDLE_PROMOTION_UNKNOWN',
    `spec.promoted ${wanted} is not the hash of what the sources give, ${bundle?.sha256}; ${kept}`,
  );
}

function promotionOf(
  { wanted = '', assembly, isComplete }: ChannelsQuestion,
  promoted: string | undefined,
  live: Content,
): Promotion {
  if (promoted !== wanted && !isRead(assembly)) return { state: 'unread', error: unread(assembly) };
  if (promoted !== wanted) return { state: 'refused', error: unknownHash(wanted, assembly, promoted) };
  if (live.bundle === undefined) {
    const error = live.error instanceof MangroveError ? live.error : unread(assembly);
    return { state: isComplete ? 'refused' : 'unread', error };
  }
  if (assembly.bundle?.sha256 === live.bundle.sha256) return { state: 'promoted' };
  if (!isRead(assembly)) return { state: 'unread', error: unread(assembly) };
  const [given, held] = [assembly.bundle?.anchors ?? [], live.bundle.anchors];
  return { state: 'pending', joining: without(given, held), leaving: without(held, given) };
}

function without(anchors: readonly Anchor[], others: readonly Anchor[]): Anchor[] {
  const known = new Set(others.map(({ sha256 }) => sha256));
  return anchors.filter(({ sha256 }) => !known.has(sha256));
}
