import { errorMessage, MangroveError } from '#errors/error.ts';

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
  /** The object is gone. */
  forget(name: string): void;
}

/** @param kind `Secret`, for messages */
export function readOnce<Seen extends Observed, Content>(
  kind: string,
  fetch: (seen: Seen) => Promise<Content>,
): ReadOnce<Seen, Content> {
  /** By name, of the version that the watch shows. */
  const known = new Map<string, { readonly version: string; readonly content: Promise<Content> }>();

  async function fetched(seen: Seen): Promise<Content> {
    try {
      return await fetch(seen);
    } catch (cause) {
      const { name } = seen.metadata;
      // Also when it is gone: that is for the watch to say, which then knows of all that there are.
      throw new MangroveError('BUNDLE_SOURCE_UNREADABLE', `${kind} ${name}: ${errorMessage(cause)}`, {
        cause,
      });
    }
  }

  return {
    read(seen) {
      const { name, uid, resourceVersion } = seen.metadata;
      const version = `${uid} ${resourceVersion}`;
      const last = known.get(name);
      if (last?.version === version) return last.content;
      const content = fetched(seen);
      known.set(name, { version, content });
      // What failed is asked for again.
      content.catch(() => known.get(name)?.content === content && known.delete(name));
      return content;
    },
    forget: (name) => void known.delete(name),
  };
}
