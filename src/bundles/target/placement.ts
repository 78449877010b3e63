import type { MangroveError } from '#errors/error.ts';

/** What is known of one object in one namespace; in memory only, for losing it costs one read. */
export interface Placement {
  readonly namespace: string;
  /** UID of the object that was ours when last seen. */
  uid: string | undefined;
  /** The version whose content is known; undefined when it has to be read. */
  version: string | undefined;
  /** Of what it holds at that version; undefined when that is not what anybody wishes for. */
  digest: string | undefined;
  /** Keys of ours that it has at that version. */
  keys: readonly string[];
  /** It was read back at that version, and when: wall clock, ms. */
  verifiedAt: number | undefined;
  /** It carries the mark of one that we made. */
  created: boolean;
  /** It is time to look at it again, whatever is known. */
  due: boolean;
  /**
   * Of what is watched, versions that our own writes replaced: one that still shows is only late. `''` stands for no object. Nearly
   * always there are none, and an empty set would be a seventh of what is held for each of a bundle's namespaces.
   */
  superseded: Set<string> | undefined;
  error: MangroveError | undefined;
  /** Its namespace was found to be going, or gone, before the watch said so: it is no target. */
  leaving: boolean;
  /** In a row. */
  failures: number;
  /** The wish that was tried last, by its id. */
  tried: string | undefined;
  /** Monotonic ms before which nothing is tried, while the wish stays the same. */
  notBefore: number;
  /** Changes by others, in a row without peace between them. */
  edits: number;
  editedAt: number;
}

const noKeys: readonly string[] = [];

export function newPlacement(namespace: string): Placement {
  return {
    namespace,
    uid: undefined,
    version: undefined,
    digest: undefined,
    keys: noKeys,
    verifiedAt: undefined,
    created: false,
    due: false,
    superseded: undefined,
    error: undefined,
    leaving: false,
    failures: 0,
    tried: undefined,
    notBefore: 0,
    edits: 0,
    editedAt: Number.NEGATIVE_INFINITY,
  };
}

/** What the watch shows: a version, no object, or nothing because nobody watches. */
export type Observed = { readonly version: string } | 'absent' | 'unwatched';

export interface Wish {
  readonly digest: string;
  /** A source is unread: nothing may leave the object, so it is read before it is written. */
  readonly growOnly: boolean;
}

export type Decision =
  /** It holds what it should, as far as is known: no request. */
  | 'nothing'
  | 'create'
  /** What it holds is not known. */
  | 'read'
  /** What it holds is known, and is something else. */
  | 'patch'
  /** It failed a moment ago. */
  | 'wait';

/** What was refused because nothing may leave is no reason to wait once something may. */
export function wishId({ digest, growOnly }: Wish): string {
  return growOnly ? `${digest} growing` : digest;
}

/** @param now monotonic ms */
export function decide(placement: Placement, observed: Observed, wish: Wish, now: number): Decision {
  const due = dueOf(placement, observed, wish);
  const waits = due !== 'nothing' && now < placement.notBefore && placement.tried === wishId(wish);
  return waits ? 'wait' : due;
}

function dueOf(placement: Placement, observed: Observed, { digest, growOnly }: Wish): Decision {
  const { version } = placement;
  const shown = typeof observed === 'string' ? '' : observed.version;
  if (placement.due) return 'read';
  const late = placement.superseded?.has(shown) === true;
  if (observed !== 'unwatched' && !late) {
    if (observed === 'absent') return 'create';
    if (observed.version !== version) return 'read';
  }
  if (version === undefined) return 'read';
  if (placement.digest === digest) return 'nothing';
  return growOnly ? 'read' : 'patch';
}

/** What was just read, or the answer to what was just written. */
export interface Known {
  readonly uid: string | undefined;
  readonly version: string | undefined;
  readonly digest: string | undefined;
  readonly keys: readonly string[];
  readonly created: boolean;
}

/** A write of ours replaced that version. */
export function noteSuperseded(placement: Placement, version: string): void {
  placement.superseded ??= new Set();
  placement.superseded.add(version);
}

/** @param verifiedAt when it was read and found to hold the wish: wall clock, ms; undefined for what is only written */
export function noteKnown(placement: Placement, known: Known, verifiedAt: number | undefined): void {
  const keys = known.keys.length === 0 ? noKeys : known.keys;
  Object.assign(placement, known, { keys, verifiedAt });
  placement.due = false;
}

/** Whether what was written still has to be read back. */
export function owesReadBack({ version, verifiedAt, digest }: Placement, wished: string): boolean {
  return version !== undefined && verifiedAt === undefined && digest === wished;
}

/** It was seen to hold the wish, at its present version. */
export function isHolding({ version, verifiedAt, digest, error }: Placement, wished: string): boolean {
  return version !== undefined && verifiedAt !== undefined && digest === wished && error === undefined;
}

/** What is wished for by now is what it holds: whatever it refused before is over. */
export function noteMatch(placement: Placement, wished: string): void {
  if (!isHolding({ ...placement, error: undefined }, wished)) return;
  placement.error = undefined;
  placement.failures = 0;
}

/** Its content is not known any more; whose it is stays known. */
export function forgetContent(placement: Placement): void {
  placement.version = undefined;
  placement.digest = undefined;
  placement.verifiedAt = undefined;
  placement.superseded = undefined;
}

/** The watch shows the version that is known: it is not late any more. */
export function noteShown(placement: Placement, shown: string): void {
  if (placement.version === shown) placement.superseded = undefined;
}

/** What it failed for may be over, and it waits no more; only a race with another writer keeps its pace. */
export function hasten(placement: Placement): void {
  const { error } = placement;
  if (error === undefined || error.code === 'BUNDLE_TARGET_ALTERED') return;
  placement.tried = undefined;
  placement.notBefore = 0;
}
