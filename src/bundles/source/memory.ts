import type { Anchor } from '#bundles/bundle/anchor.ts';
import { requireTrustDomain } from '#bundles/bundle/bundle.ts';
import { filtered, isPermitted, stillPermitted } from '#bundles/source/filter.ts';
import type { Source, SourceTerms } from '#bundles/source/source.ts';
import { errorCode } from '#errors/error.ts';

/** What a source is worth now. */
export interface SourceReading {
  readonly name: string;
  /** Of the last good reading, with what is retained; undefined when there is none that we know of. */
  readonly anchors: readonly Anchor[] | undefined;
  /** Fingerprints of those that have vanished from the source and are retained, with the wall clock of that, ms. */
  readonly vanished: ReadonlyMap<string, number>;
  /** Wall clock of the last good reading, ms. */
  readonly goodAt: number | undefined;
  /** Why the newest reading failed; undefined when it was good. */
  readonly error: unknown;
  readonly note: string | undefined;
  /** Wall clock, ms, at which it is worth something else by itself; Infinity for never. */
  readonly changesAt: number;
}

/** What a source gave before this process began. */
export type Recalled = Pick<SourceReading, 'anchors' | 'vanished'> & {
  /** Wall clock, ms; undefined when it is known that it never gave anything. */
  readonly goodAt: number | undefined;
};

/** Last good content of the sources of one TrustBundle: a bad source freezes itself and nobody else. */
export interface SourceMemory {
  /** Reads every source, each on its own; never throws. Forgets sources that are not in the list any more. */
  read(sources: readonly Source[]): Promise<readonly SourceReading[]>;
}

export interface SourceMemoryOptions {
  readonly trustDomain: string;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** Asked for a source that was never read well since the start. */
  readonly recall: (source: string) => Recalled | undefined;
}

type Before = Pick<SourceReading, 'anchors' | 'vanished' | 'goodAt'>;

const nothing: Before = { anchors: undefined, vanished: new Map(), goodAt: undefined };

export function createSourceMemory({ trustDomain, now, recall }: SourceMemoryOptions): SourceMemory {
  let lastGood = new Map<string, Before>();
  return {
    async read(sources) {
      const readings = await Promise.all(
        sources.map((source) => {
          const known = lastGood.get(source.name);
          const before = () => (known?.goodAt === undefined ? (recall(source.name) ?? nothing) : known);
          return readOne(source, trustDomain, before, now);
        }),
      );
      lastGood = new Map(readings.map((reading) => [reading.name, remembered(reading, lastGood)]));
      return readings;
    },
  };
}

/** What a source that fails gave before is not forgotten when its time is over: a clock may have jumped, or its terms change. */
function remembered(reading: SourceReading, lastGood: ReadonlyMap<string, Before>): Before {
  return reading.error === undefined ? reading : (lastGood.get(reading.name) ?? recalled(reading));
}

/** Of a source that was never read well since the start: as it was recalled, if it was. */
function recalled({ anchors, vanished, goodAt }: SourceReading): Before {
  return anchors === undefined || anchors.length === 0 ? nothing : { anchors, vanished, goodAt };
}

async function readOne(
  source: Source,
  trustDomain: string,
  before: () => Before,
  now: () => number,
): Promise<SourceReading> {
  const { name, terms } = source;
  try {
    const { anchors, note } = filtered(name, await source.read(), terms);
    // Here and not in each source, so that none can forget it; a foreign root then costs its own source only.
    for (const anchor of anchors) requireTrustDomain(trustDomain, anchor);
    return { name, ...retained(source, anchors, before, now()), goodAt: now(), error: undefined, note };
  } catch (error) {
    if (terms.optional && errorCode(error) === 'BUNDLE_SOURCE_NOT_FOUND') {
      const note = 'it does not exist, and need not';
      return { name, ...retained(source, [], before, now()), goodAt: now(), error: undefined, note };
    }
    return { name, ...kept(source, known(before(), error), now(), error), error, note: undefined };
  }
}

/**
 * That a source gave nothing while it was told of is no knowledge of one that was not looked at yet: a target may have outlived another
 * TrustBundle of the same name, and hold what the source gave to that one.
 */
function known(before: Before, error: unknown): Before {
  const waits = errorCode(error) === 'BUNDLE_SOURCE_PENDING';
  return waits && before.goodAt === undefined ? nothing : before;
}

/** What the source gives, and what vanished from it not long ago. */
function retained(
  { terms }: Source,
  anchors: readonly Anchor[],
  before: () => Before,
  now: number,
): Pick<SourceReading, 'anchors' | 'vanished' | 'changesAt'> {
  if (terms.retainSeconds === 0 && terms.retainUntil === undefined) return { anchors, ...nothingStays };
  const last = before();
  const given = new Set(anchors.map(({ sha256 }) => sha256));
  const gone = (last.anchors ?? []).filter(
    (anchor) => !given.has(anchor.sha256) && isPermitted(terms, anchor),
  );
  const staying = stay(terms, gone, last.vanished, now);
  return { ...staying, anchors: [...anchors, ...staying.anchors] };
}

const nothingStays = { vanished: new Map<string, number>(), changesAt: Number.POSITIVE_INFINITY };

/** Those of the roots that vanished whose time is not over; one that is not known to have vanished before did so now. */
function stay(
  { retainSeconds, retainUntil }: SourceTerms,
  gone: readonly Anchor[],
  vanishedAt: ReadonlyMap<string, number>,
  now: number,
) {
  const since = ({ sha256 }: Anchor): number => vanishedAt.get(sha256) ?? now;
  const end = (anchor: Anchor): number =>
    retainUntil === 'Expired'
      ? (anchor.notAfter + 1) * 1000
      : (retainUntil ?? since(anchor) + retainSeconds * 1000);
  const anchors = gone.filter((anchor) => now < end(anchor));
  const vanished = new Map(anchors.map((anchor) => [anchor.sha256, since(anchor)]));
  return { anchors, vanished, changesAt: Math.min(...anchors.map(end), Number.POSITIVE_INFINITY) };
}

/** Last good content of a source that cannot be read, for as long as its terms say. */
function kept(
  { terms }: Source,
  { anchors, vanished, goodAt }: Before,
  now: number,
  error: unknown,
): Pick<SourceReading, 'anchors' | 'vanished' | 'goodAt' | 'changesAt'> {
  if (anchors === undefined) return { anchors, goodAt, ...nothingStays };
  const permitted = stillPermitted(anchors, terms);
  const staying = stay(
    terms,
    permitted.filter(({ sha256 }) => vanished.has(sha256)),
    vanished,
    now,
  );
  const present = permitted.filter(({ sha256 }) => !vanished.has(sha256));
  const content = { ...staying, anchors: [...present, ...staying.anchors], goodAt };
  // What was not looked at yet has not failed: a start after a long pause must not end what a look will confirm.
  const waits = errorCode(error) === 'BUNDLE_SOURCE_PENDING';
  if (terms.keepLastSeconds === undefined || goodAt === undefined || waits) return content;
  const endsAt = goodAt + terms.keepLastSeconds * 1000;
  if (now < endsAt) return { ...content, changesAt: Math.min(content.changesAt, endsAt) };
  return { anchors: [], goodAt, ...nothingStays };
}
