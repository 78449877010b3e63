import { MangroveError } from '#errors/error.ts';

/** Where one authority stands in its life. Computed from timestamps, never stored. */
export type Phase = 'Created' | 'Prepared' | 'Active' | 'Draining' | 'Retired' | 'Tainted';

/** Everything that is remembered of an authority's life: whole seconds since the epoch, by the API server's clock. */
export interface AuthorityTimestamps {
  readonly createdAt: number;
  /** Every required target was read back and held the anchor. */
  readonly publishedAt?: number;
  /** It became the one that signs; the newest activation wins. */
  readonly activatedAt?: number;
  readonly taintedAt?: number;
  readonly retiredAt?: number;
}

export interface Timestamped {
  /** SKI in hex. */
  readonly id: string;
  readonly timestamps: AuthorityTimestamps;
}

/**
 * The phase of each authority of ONE CertificateAuthority, by id.
 * Depends on nothing but its argument, so that every replica and every restart sees the same phases.
 */
export function phases(authorities: readonly Timestamped[]): ReadonlyMap<string, Phase> {
  const active = activeAuthority(authorities);
  return new Map(authorities.map((authority) => [authority.id, phaseOf(authority, active)]));
}

/** The one authority that signs: untainted, not retired, activated last. Undefined before the first activation. */
export function activeAuthority<A extends Timestamped>(authorities: readonly A[]): A | undefined {
  let newest: A | undefined;
  let newestAt = Number.NEGATIVE_INFINITY;
  for (const authority of authorities) {
    const { activatedAt, taintedAt, retiredAt } = authority.timestamps;
    if (activatedAt === undefined || taintedAt !== undefined || retiredAt !== undefined) continue;
    if (activatedAt === newestAt) {
      // Timestamps of one kind are strictly increasing by construction: two equal ones mean edited state.
      throw new MangroveError(
        'CA_AUTHORITY_DAMAGED',
        `authorities ${newest?.id} and ${authority.id} claim the same activation second`,
      );
    }
    if (activatedAt > newestAt) {
      newest = authority;
      newestAt = activatedAt;
    }
  }
  return newest;
}

function phaseOf(authority: Timestamped, active: Timestamped | undefined): Phase {
  const { publishedAt, activatedAt, taintedAt, retiredAt } = authority.timestamps;
  if (retiredAt !== undefined) return 'Retired';
  if (taintedAt !== undefined) return 'Tainted';
  if (authority === active) return 'Active';
  if (activatedAt !== undefined) return 'Draining';
  return publishedAt === undefined ? 'Created' : 'Prepared';
}

/** The API server's time, made greater than every earlier timestamp of its kind. */
export function nextTimestamp(
  kind: keyof AuthorityTimestamps,
  serverSeconds: number,
  authorities: readonly Timestamped[],
): number {
  const latest = Math.max(...authorities.map(({ timestamps }) => timestamps[kind] ?? 0), 0);
  return Math.max(Math.floor(serverSeconds), latest + 1);
}
