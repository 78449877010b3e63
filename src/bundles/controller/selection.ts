import { MangroveError } from '#errors/error.ts';

/** Who may set labels in the namespace of sources must not be able to fill the memory of the process that also signs. */
export const MAX_SELECTED = 256;
/** Four times what one bundle may hold, for objects that share roots. */
export const MAX_SELECTED_BYTES = 4_194_304;
const READS_AT_A_TIME = 8;

/** Lets so many go on at the same time; the others wait for their turn. */
export interface Gate {
  pass<T>(task: () => Promise<T>): Promise<T>;
}

/** One for all that is read of the API server for sources. */
export function createGate(most: number = READS_AT_A_TIME): Gate {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return {
    async pass(task) {
      if (inside < most) inside += 1;
      else await new Promise<void>((enter) => waiting.push(enter));
      try {
        return await task();
      } finally {
        const next = waiting.shift();
        if (next === undefined) inside -= 1;
        else next();
      }
    },
  };
}

export interface Reading<Seen, Content> {
  /** What they are, such as `ConfigMaps`. */
  readonly kind: string;
  readonly read: (seen: Seen) => Promise<Content>;
  /** Bytes that it takes. */
  readonly sizeOf: (content: Content) => number;
}

/**
 * The content of all that was selected, in that order, a few at a time; it stops at the first that fails, or is too much.
 * @throws MangroveError BUNDLE_SOURCE_TOO_LARGE, and what `read` throws
 */
export async function readSelected<Seen, Content>(
  selected: readonly Seen[],
  { kind, read, sizeOf }: Reading<Seen, Content>,
): Promise<Content[]> {
  if (selected.length > MAX_SELECTED) {
    throw new MangroveError(
      'BUNDLE_SOURCE_TOO_LARGE',
      `${selected.length} ${kind} are meant, more than ${MAX_SELECTED}`,
    );
  }
  const contents: Content[] = [];
  const queue = selected.entries();
  let bytes = 0;
  let failed = false;
  async function work(): Promise<void> {
    for (const [index, seen] of queue) {
      if (failed) return;
      const content = await read(seen);
      bytes += sizeOf(content);
      if (bytes > MAX_SELECTED_BYTES) {
        throw new MangroveError(
          'BUNDLE_SOURCE_TOO_LARGE',
          `the ${selected.length} ${kind} that are meant have more than ${MAX_SELECTED_BYTES} bytes together`,
        );
      }
      contents[index] = content;
    }
  }
  const workers = Array.from({ length: READS_AT_A_TIME }, work);
  for (const worker of workers) worker.catch(() => (failed = true));
  await Promise.all(workers);
  return contents;
}
