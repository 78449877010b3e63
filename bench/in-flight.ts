/** Keeps `count` calls of a task under way for about `ms`, or while there are `more`; the milliseconds that each took. */
export async function inFlight(
  count: number,
  ms: number,
  task: () => Promise<void>,
  more: () => boolean = () => true,
): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + ms;
  async function caller(): Promise<void> {
    for (let now = performance.now(); now < end && more(); ) {
      await task();
      const done = performance.now();
      latencies.push(done - now);
      now = done;
    }
  }
  await Promise.all(Array.from({ length: count }, caller));
  return latencies;
}

/** One task for each item, `count` of them under way; the results in the order in which they came. */
export async function forAll<T, R>(
  count: number,
  items: readonly T[],
  task: (item: T) => Promise<R>,
): Promise<R[]> {
  const left = items.values();
  const results: R[] = [];
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (const item of left) results.push(await task(item));
    }),
  );
  return results;
}
