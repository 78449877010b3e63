import type { Gate } from '#bundles/controller/selection.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { Clock } from '#kube/clock.ts';

interface Observed {
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

/** Content of objects of which a watch brings less than all; each is read once for each of its versions. */
export interface ReadOnce<Seen, Content> {
  /** @throws MangroveError BUNDLE_SOURCE_UNREADABLE */
  read(seen: Seen): Promise<Content>;
  /** The object is gone; without a name, nobody here reads any of them for now. */
  forget(name?: string): void;
}

export interface ReadOnceOptions<Seen, Content> {
  /** Such as `Secret`, for messages. */
  readonly kind: string;
  readonly fetch: (seen: Seen) => Promise<Content>;
  readonly gate: Gate;
  readonly clock: Clock;
  /** What nobody asked for in this time is selected by nobody any more, and is not kept. */
  readonly idleMs: number;
}

interface Known<Content> {
  readonly version: string;
  readonly content: Promise<Content>;
  /** Monotonic ms. */
  askedAt: number;
}

export function readOnce<Seen extends Observed, Content>({
  kind,
  fetch,
  gate,
  clock,
  idleMs,
}: ReadOnceOptions<Seen, Content>): ReadOnce<Seen, Content> {
  /** By name, of the version that the watch shows. */
  const known = new Map<string, Known<Content>>();
  let sweptAt = clock.monotonic();

  async function fetched(seen: Seen): Promise<Content> {
    try {
      return await gate.pass(() => fetch(seen));
    } catch (cause) {
      const { name } = seen.metadata;
      // Also when it is gone: that is for the watch to say, which then knows of all that there are.
      throw new MangroveError('BUNDLE_SOURCE_UNREADABLE', `${kind} ${name}: ${errorMessage(cause)}`, {
        cause,
      });
    }
  }

  function sweep(now: number): void {
    if (now - sweptAt < idleMs / 2) return;
    sweptAt = now;
    for (const [name, { askedAt }] of known) if (now - askedAt >= idleMs) known.delete(name);
  }

  return {
    read(seen) {
      const { name, uid, resourceVersion } = seen.metadata;
      const version = `${uid} ${resourceVersion}`;
      const now = clock.monotonic();
      const last = known.get(name);
      if (last?.version === version) {
        last.askedAt = now;
        return last.content;
      }
      sweep(now);
      const content = fetched(seen);
      known.set(name, { version, content, askedAt: now });
      // What failed is asked for again.
      content.catch(() => known.get(name)?.content === content && known.delete(name));
      return content;
    },
    forget(name) {
      if (name === undefined) known.clear();
      else known.delete(name);
    },
  };
}
