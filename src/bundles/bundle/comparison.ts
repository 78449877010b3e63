import type { HeldRoot, Holding } from '#bundles/bundle/holding.ts';

/** A root that only one of two places holds. */
export interface Difference extends HeldRoot {
  readonly in: string;
  readonly notIn: string;
}

/** How two places compare as sets: order, comments and line ends are nobody's business. */
export interface Comparison {
  readonly alike: boolean;
  readonly places: readonly { readonly place: string; readonly roots: number }[];
  /** How many roots both hold. */
  readonly common: number;
  /** In order of fingerprints. */
  readonly differences: readonly Difference[];
}

export function compareHoldings(one: Holding, other: Holding): Comparison {
  const differences = [...lacking(one, other), ...lacking(other, one)].sort((a, b) =>
    a.sha256 < b.sha256 ? -1 : 1,
  );
  return {
    alike: differences.length === 0,
    places: [one, other].map(({ place, roots }) => ({ place, roots: roots.size })),
    common: [...one.roots.keys()].filter((sha256) => other.roots.has(sha256)).length,
    differences,
  };
}

/** What the second one lacks of the first. */
function lacking(holder: Holding, lacker: Holding): Difference[] {
  return [...holder.roots.values()]
    .filter(({ sha256 }) => !lacker.roots.has(sha256))
    .map((root) => ({ ...root, in: holder.place, notIn: lacker.place }));
}
