import { selects } from '#bundles/bundle/label-selector.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import { metadataAnswer, patchOf } from '#bundles/controller/placement/answer.ts';
import { ownerOfKey, placementKeyOf } from '#bundles/controller/placement/order.ts';
import { describePlace, type Place, resourceOf } from '#bundles/controller/placement/read.ts';
import type { PlacementWatches } from '#bundles/controller/placement/watches.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { type NamedTarget, type PlacementKind, targetId } from '#bundles/target/named-target.ts';
import { isCreated, ownerLabel, withdrawalOf } from '#bundles/target/placed-object.ts';
import type { Leftover } from '#bundles/target/placement-summary.ts';
import type { MangroveError } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import { ignoreNotFound, isConflict, isNotFound } from '#kube/error.ts';
import type { Step } from '#step.ts';

/** A target, by its identity. */
export type TargetKey = Pick<NamedTarget, 'kind' | 'name'>;

export interface RemovalsOptions {
  readonly client: KubeClient;
  readonly watches: PlacementWatches;
  /** The targets that the TrustBundle has at this moment; undefined: nothing of it may go now. */
  readonly targetsOf: (owner: string) => readonly NamedTarget[] | undefined;
  readonly random: () => number;
  readonly onWork: (key: string, afterMs: number) => void;
  readonly onProgress: (owner: string) => void;
  readonly step?: Step | undefined;
}

/** What a TrustBundle wants to be gone. */
export interface RemovalWish {
  readonly owner: string;
  /** All that it has, those among them that nothing was written of yet: what they select is kept. */
  readonly targets: readonly NamedTarget[];
  /** What its status tells and its specification does not. Anything else was never ours to take, whatever its marks say. */
  readonly left: readonly TargetKey[];
  /** Something of that kind may have been written for it: else what may not even be read is not waited for. */
  readonly isWritten: (kind: PlacementKind) => boolean;
}

/** Takes away what belongs to a TrustBundle and is not asked for any more: only what carries its mark, at the version that was read. */
export interface Removals {
  /** By target id; of what is gone nothing is said. */
  take(wish: RemovalWish): ReadonlyMap<string, readonly Leftover[]>;
  /** One object; a key that nobody wants to be gone is passed by. */
  run(key: string, signal: AbortSignal): Promise<void>;
  /** It is not for us to do now, or may be written meanwhile: whoever wishes for it again begins anew. */
  release(key: string): void;
  /** Nothing of that TrustBundle is to go, or without a name of any; and what was seen may have changed when somebody asks again. */
  forget(owner?: string): void;
}

interface Candidate {
  readonly place: Place;
  /** That the watch shows; nobody watches Secrets. */
  readonly version: string;
}

interface Removal extends Candidate {
  readonly owner: string;
  /** It was read, and is to go. */
  isFound: boolean;
  error: MangroveError | undefined;
  failures: number;
}

const pace = { baseMs: 250, maxMs: 5 * 60_000 };

export function createRemovals(options: RemovalsOptions): Removals {
  const { client, watches, random, onWork, onProgress, step } = options;
  const waiting = new Map<string, Removal>();
  /** Of each TrustBundle what was seen not to be there, or not to be ours, by key and version: it is not looked at again. */
  const gone = new Map<string, Map<string, string>>();

  /** All that could be asked for to go, so far as it is known. Secrets are watched by nobody, so they are looked for by name. */
  function named({ owner, targets, left }: RemovalWish): Map<string, Candidate> {
    // Before all namespaces are known, nothing would seem to be kept in any.
    const isKnown = (kind: PlacementKind): boolean => watches.hindrance(kind) === undefined;
    const ids = new Set([...targets, ...left].map(targetId));
    const maps = isKnown('configMap') ? watches.ownedBy(ownerLabel(owner)) : [];
    const spaces = isKnown('secret') ? watches.namespaces() : [];
    const secrets = new Set([...targets, ...left].filter(({ kind }) => kind === 'secret').map(nameOf));
    const all = [
      ...maps.map(({ namespace, name, version }) => candidate('configMap', namespace, name, version)),
      ...[...secrets].flatMap((name) => spaces.map((space) => candidate('secret', space.name, name))),
    ];
    return new Map(
      all
        .filter(({ place }) => ids.has(targetId(place)))
        .map((one) => [placementKeyOf(owner, one.place), one]),
    );
  }

  function candidates(wish: RemovalWish): Map<string, Candidate> {
    const known = gone.get(wish.owner);
    const stillGone = new Map<string, string>();
    const found = new Map<string, Candidate>();
    for (const [key, one] of named(wish)) {
      if (isKept(one.place, wish.targets)) continue;
      if (known?.get(key) === one.version) stillGone.set(key, one.version);
      else found.set(key, one);
    }
    gone.set(wish.owner, stillGone);
    return found;
  }

  /**
   * From the specification and the labels of now, and never from what was written so far: of that, nothing may be known yet. In a
   * namespace that is not known, because it is new or on its way out, nothing is taken from a target that stays.
   */
  function isKept({ kind, name, namespace }: Place, targets: readonly NamedTarget[]): boolean {
    const target = targets.find((one) => one.kind === kind && one.name === name);
    if (target?.kind !== 'configMap' && target?.kind !== 'secret') return false;
    const seen = watches.namespace(namespace);
    return seen === undefined || selects(target.spec.namespaceSelector, seen.labels);
  }

  /** The wish is as old as the wait for its turn. */
  function isWanted(key: string, removal: Removal): boolean {
    if (waiting.get(key) !== removal || watches.hindrance(removal.place.kind) !== undefined) return false;
    const targets = options.targetsOf(removal.owner);
    return targets !== undefined && !isKept(removal.place, targets);
  }

  /** False: it is not to go any more. */
  async function remove(key: string, removal: Removal, signal: AbortSignal): Promise<boolean> {
    const { place, owner } = removal;
    const { kind, namespace, name } = place;
    const read = { method: 'GET', signal } as const;
    const object = await metadataAnswer(client, place, read).catch<undefined>(ignoreNotFound);
    if (object?.metadata.annotations?.[OWNER_ANNOTATION] !== owner) return true;
    removal.isFound = true;
    await step?.('removal/delete');
    if (!isWanted(key, removal)) return false;
    const { uid = '', resourceVersion = '' } = object.metadata;
    if (isCreated(object)) {
      await client.delete(resourceOf[kind], name, { namespace, uid, resourceVersion, signal });
    } else {
      await patchOf(client, place, withdrawalOf(object), signal);
    }
    return true;
  }

  function isAwaited({ place, isFound, error }: Removal, { isWritten }: RemovalWish): boolean {
    return isFound || error?.code !== 'BUNDLE_TARGET_FORBIDDEN' || isWritten(place.kind);
  }

  function noteGone(key: string, { owner, version }: Removal): void {
    const known = gone.get(owner) ?? new Map<string, string>();
    gone.set(owner, known.set(key, version));
  }

  return {
    take(wish) {
      const found = candidates(wish);
      for (const [key, removal] of waiting) {
        if (removal.owner === wish.owner && !found.has(key)) waiting.delete(key);
      }
      const left = new Map<string, Leftover[]>();
      for (const [key, candidate] of found) {
        const known = waiting.get(key);
        if (known === undefined) {
          waiting.set(key, {
            ...candidate,
            owner: wish.owner,
            isFound: false,
            error: undefined,
            failures: 0,
          });
          onWork(key, 0);
        }
        if (known !== undefined && !isAwaited(known, wish)) continue;
        const id = targetId(candidate.place);
        const { namespace } = candidate.place;
        const places = left.get(id) ?? [];
        places.push({ namespace, error: known?.error });
        left.set(id, places);
      }
      return left;
    },
    async run(key, signal) {
      const removal = waiting.get(key);
      if (removal === undefined) return;
      try {
        const isGone = await remove(key, removal, signal);
        if (waiting.get(key) !== removal) return;
        waiting.delete(key);
        if (isGone) noteGone(key, removal);
      } catch (error) {
        // Somebody else changed or deleted it: what it is now is read again.
        const raced = isConflict(error) || isNotFound(error);
        removal.error = raced ? undefined : targetFailure(describePlace(removal.place), error);
        removal.failures += 1;
        onWork(key, backoffDelay(removal.failures, pace, random));
      }
      onProgress(removal.owner);
    },
    release(key) {
      waiting.delete(key);
      gone.get(ownerOfKey(key))?.delete(key);
    },
    forget(owner) {
      if (owner === undefined) gone.clear();
      else gone.delete(owner);
      for (const [key, removal] of waiting) {
        if (owner === undefined || removal.owner === owner) waiting.delete(key);
      }
    },
  };
}

function candidate(kind: PlacementKind, namespace: string, name: string, version = ''): Candidate {
  return { place: { kind, namespace, name }, version };
}

function nameOf({ name }: TargetKey): string {
  return name;
}
