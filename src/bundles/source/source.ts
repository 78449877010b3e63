import type { Anchor } from '#bundles/bundle/anchor.ts';

/**
 * Where anchors come from. One implementation per kind of source in a TrustBundle's spec.
 * Reading is cheap and repeatable: sources answer from caches and never write.
 */
export interface Source {
  /** Names the source in the status and keys its memory, such as `authority/mesh`. */
  readonly name: string;
  /**
   * Everything that the source holds now: at least one anchor, all of them read strictly.
   * @throws MangroveError BUNDLE_SOURCE_*, BUNDLE_PEM_INVALID or BUNDLE_ANCHOR_*: the source as a whole is then
   *   worth what it was worth before, see {@link SourceMemory}.
   */
  read(): readonly Anchor[] | Promise<readonly Anchor[]>;
}
