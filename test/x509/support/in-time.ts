/** No input that anybody sends needs more: the largest takes some milliseconds. */
const cpuMs = 250;

export class TooSlow extends Error {
  override readonly name = 'TooSlow';
}

/** What `work` returns or throws; throws TooSlow where it takes longer than any input may take, of CPU: other work goes on. */
export function inTime<T>(work: () => T): T {
  const before = process.threadCpuUsage();
  const end = ending(work);
  const { user, system } = process.threadCpuUsage(before);
  const spentMs = (user + system) / 1000;
  // To refuse it slowly is to be held up by it, too.
  if (spentMs > cpuMs) throw new TooSlow(`${Math.round(spentMs)} ms of CPU for one input`);
  if ('error' in end) throw end.error;
  return end.value;
}

type End<T> = { readonly value: T } | { readonly error: unknown };

function ending<T>(work: () => T): End<T> {
  try {
    return { value: work() };
  } catch (error) {
    return { error };
  }
}
