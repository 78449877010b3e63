import type { Anchor } from '#bundles/bundle/anchor.ts';
import { requireTrustDomain } from '#bundles/bundle/bundle.ts';
import type { Source } from '#bundles/source/source.ts';

/** What a source is worth now. */
export interface SourceReading {
  readonly name: string;
  /** Of the last good reading; undefined when there is none that we know of. */
  readonly anchors: readonly Anchor[] | undefined;
  /** Wall clock of the last good reading, ms. */
  readonly goodAt: number | undefined;
  /** Why the newest reading failed; undefined when it was good. */
  readonly error: unknown;
}

/** What a source gave before this process began. */
export interface Recalled {
  readonly anchors: readonly Anchor[];
  /** Wall clock, ms. */
  readonly goodAt: number;
}

/** Last good content of the sources of one TrustBundle: a bad source freezes itself and nobody else. */
export interface SourceMemory {
  /** Reads every source, each on its own; never throws. Forgets sources that are not in the list any more. */
  read(sources: readonly Source[]): Promise<readonly SourceReading[]>;
}

export interface SourceMemoryOptions {
  readonly trustDomain: string;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** Asked for a source that fails before it was ever good. */
  readonly recall: (source: string) => Recalled | undefined;
}

export function createSourceMemory({ trustDomain, now, recall }: SourceMemoryOptions): SourceMemory {
  let lastGood = new Map<string, SourceReading>();
  return {
    async read(sources) {
      const readings = await Promise.all(
        sources.map((source) => {
          const before = lastGood.get(source.name);
          return readOne(source, trustDomain, before?.anchors === undefined ? recall : () => before, now);
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
  before: (source: string) => Pick<SourceReading, 'anchors' | 'goodAt'> | undefined,
  now: () => number,
): Promise<SourceReading> {
  try {
    const anchors = await source.read();
    // Here and not in each source, so that none can forget it; a foreign root then costs its own source only.
    for (const anchor of anchors) requireTrustDomain(trustDomain, anchor);
    return { name: source.name, anchors, goodAt: now(), error: undefined };
  } catch (error) {
    const last = before(source.name);
    return { name: source.name, anchors: last?.anchors, goodAt: last?.goodAt, error };
  }
}
