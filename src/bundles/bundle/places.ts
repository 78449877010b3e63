/**
 * Places in a list as a short text, such as `0-3,7`: what a source gave is told by places in `status.anchors`, for 2,000 roots of each
 * of 32 sources would not fit an object by their fingerprints.
 */
export function placesText(places: Iterable<number>): string {
  const runs: [first: number, last: number][] = [];
  for (const place of [...places].toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && place <= run[1] + 1) run[1] = place;
    else runs.push([place, place]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** What stands at these places of a list; undefined when the text is none, or names a place that the list does not have. */
export function atPlaces<T>(text: string, list: readonly T[]): T[] | undefined {
  if (text === '') return [];
  const found: T[] = [];
  for (const run of text.split(',')) {
    const [, first, last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(run) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to >= list.length) return undefined;
    found.push(...list.slice(from, to + 1));
  }
  return found;
}
