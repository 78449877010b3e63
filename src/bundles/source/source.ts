import type { Anchor } from '#bundles/bundle/anchor.ts';

/** How a source is treated when it fails, or when roots vanish from it. */
export interface SourceTerms {
  /** That it does not exist is no fault: it gives no anchor then. */
  readonly optional: boolean;
  /** So long its last good content stays while it cannot be read; undefined: for ever. */
  readonly keepLastSeconds: number | undefined;
  /** So long an anchor stays after it vanished. */
  readonly retainSeconds: number;
  /** Or until this moment, wall clock, ms; or until it has expired itself, when nothing that chains to it is valid any more. */
  readonly retainUntil?: number | 'Expired' | undefined;
  /** Fingerprints: only these, or none of these. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** What a source gives when it can be read. */
export interface SourceContent {
  readonly anchors: readonly Anchor[];
  /** What an operator should know of it all the same, in a sentence. */
  readonly note?: string | undefined;
}

/**
 * Where anchors come from. One implementation per kind of source in a TrustBundle's spec.
 * Reading is cheap and repeatable: sources answer from caches and never write.
 */
export interface Source {
  /** Names the source in the status and keys its memory, such as `authority/mesh`. */
  readonly name: string;
  readonly terms: SourceTerms;
  /** A source that tells nobody of its changes is read again after this time. */
  readonly pollSeconds?: number;
  /**
   * Everything that the source holds now: at least one anchor, all of them read strictly.
   * @throws MangroveError BUNDLE_SOURCE_*, BUNDLE_PEM_INVALID or BUNDLE_ANCHOR_*: the source as a whole is then
   *   worth what it was worth before, see {@link SourceMemory}.
   */
  read(): SourceContent | Promise<SourceContent>;
}

/** A source whose failures nobody forgives and whose roots leave with it. */
export const strictTerms: SourceTerms = { optional: false, keepLastSeconds: undefined, retainSeconds: 0 };
