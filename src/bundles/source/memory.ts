import type { Anchor } from '#bundles/bundle/anchor.ts';
import { requireTrustDomain } from '#bundles/bundle/bundle.ts';
import { filtered } from '#bundles/source/filter.ts';
import type { Source } from '#bundles/source/source.ts';
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
  /** Wall clock, ms. */
  readonly goodAt: number;
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
  let lastGood = new Map<string, SourceReading>();
  return {
    async read(sources) {
      const readings = await Promise.all(
        sources.map((source) => {
          const known = lastGood.get(source.name);
          const before = () => (known?.goodAt === undefined ? (recall(source.name) ?? nothing) : known);
          return readOne(source, trustDomain, before, now);
        }),
      );
      lastGood = new Map(readings.map((reading) => [reading.name, reading]));
      return readings;
    },
  };
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
    return { name, ...kept(source, before(), now()), error, note: undefined };
  }
}

/** What the source gives, and what vanished from it not long ago. */
function retained(
  { terms }: Source,
  anchors: readonly Anchor[],
  before: () => Before,
  now: number,
): Pick<SourceReading, 'anchors' | 'vanished' | 'changesAt'> {
  const retainMs = terms.retainSeconds * 1000;
  if (retainMs === 0) return { anchors, vanished: new Map(), changesAt: Number.POSITIVE_INFINITY };
  const last = before();
  const given = new Set(anchors.map(({ sha256 }) => sha256));
  const staying = new Map<string, number>();
  const stay = (last.anchors ?? []).filter(({ sha256 }) => {
    const since = last.vanished.get(sha256) ?? now;
    if (given.has(sha256) || now >= since + retainMs) return false;
    staying.set(sha256, since);
    return true;
  });
  const changesAt = Math.min(...staying.values().map((since) => since + retainMs), Number.POSITIVE_INFINITY);
  return { anchors: [...anchors, ...stay], vanished: staying, changesAt };
}

/** Last good content of a source that cannot be read, for as long as its terms say. */
function kept(
  { terms }: Source,
  { anchors, vanished, goodAt }: Before,
  now: number,
): Pick<SourceReading, 'anchors' | 'vanished' | 'goodAt' | 'changesAt'> {
  const never = { anchors, vanished, goodAt, changesAt: Number.POSITIVE_INFINITY };
  if (terms.keepLastSeconds === undefined || goodAt === undefined) return never;
  const endsAt = goodAt + terms.keepLastSeconds * 1000;
  if (now < endsAt) return { ...never, changesAt: endsAt };
  return { ...never, anchors: [], vanished: new Map() };
}
