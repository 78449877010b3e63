/** Told of what happens to bundles; shaped for metrics. Times are epoch seconds. */
export interface BundleObserver {
  assembled?(bundle: string, roots: ReadonlyMap<string, number>, bytes: number): void;
  sources?(
    bundle: string,
    states: ReadonlyMap<string, { readonly goodAt: number | undefined; readonly failing: boolean }>,
  ): void;
  withheld?(bundle: string, roots: number): void;
  /** All that there are, before anything is told of one. */
  targets?(bundle: string, names: readonly string[]): void;
  /** Whether live targets hold something else than what the sources give. */
  promotion?(bundle: string, pending: boolean): void;
  verified?(bundle: string, target: string, at: number): void;
  published?(bundle: string, target: string, outcome: 'written' | 'repaired' | 'failed'): void;
  /** Of a target in many namespaces: how many hold it, refuse it, or are to come. */
  placed?(bundle: string, target: string, states: Readonly<Record<PlacementState, number>>): void;
  /** Whether what was written there cannot be read back. */
  unread?(bundle: string, target: string, unread: boolean): void;
  /** The TrustBundle is gone. */
  forget?(bundle: string): void;
  /** Somebody else leads. */
  forgetAll?(): void;
}

export type PlacementState = 'holding' | 'failing' | 'pending';
