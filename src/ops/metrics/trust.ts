import type { Instruments } from '#ops/metrics/instrument.ts';

export interface AuthorityMetrics {
  /** A generation of a root, as last read; `notAfter` in seconds since the epoch. */
  root(certificateAuthority: string, generation: number, notAfter: number): void;
  /** The issuing certificate that this replica signs with. */
  issuing(certificateAuthority: string, notAfter: number): void;
  /** This replica confirmed by a consistent read that it may sign; seconds since the epoch. */
  confirmed(certificateAuthority: string, at: number): void;
  /** This replica does not sign for the CertificateAuthority any more; its roots are still there. */
  signerGone(certificateAuthority: string): void;
  /** The CertificateAuthority, or with a number one generation of it, is gone. */
  forget(certificateAuthority: string, generation?: number): void;
}

export interface SourceState {
  /** When it last gave a readable set, seconds since the epoch; undefined when it never did. */
  readonly goodAt: number | undefined;
  /** It cannot be read now. */
  readonly failing: boolean;
}

export interface BundleMetrics {
  /** A bundle was put together: when each of its roots expires, seconds since the epoch by the start of its fingerprint. */
  assembled(bundle: string, roots: ReadonlyMap<string, number>, bytes: number): void;
  /** Which targets a bundle has now, by their names: of others nothing is told any more. */
  targets(bundle: string, names: readonly string[]): void;
  /** A target was read back and held the bundle; seconds since the epoch. */
  verified(bundle: string, target: string, at: number): void;
  /** A target was written, or could not be. */
  published(bundle: string, target: string, outcome: (typeof writeOutcomes)[number]): void;
  /** Of a target in many namespaces: how many of them hold it, refuse it, or are to come. */
  placed(
    bundle: string,
    target: string,
    states: Readonly<Record<(typeof placementStates)[number], number>>,
  ): void;
  /** Whether what was written to these namespaces cannot be read back. */
  unread(bundle: string, target: string, unread: boolean): void;
  /** What all sources of a bundle are worth now, by their names. */
  sources(bundle: string, states: ReadonlyMap<string, SourceState>): void;
  /** How many roots stay in the bundle although no source gives them any more. */
  withheld(bundle: string, roots: number): void;
  /** Whether live targets hold something else than what the sources give. */
  promotion(bundle: string, pending: boolean): void;
  forget(bundle: string): void;
  /** Another replica leads: what this one saw last would stand here for ever. */
  forgetAll(): void;
}

const writeOutcomes = ['written', 'repaired', 'failed'] as const;
const placementStates = ['holding', 'failing', 'pending'] as const;

export function authorityMetrics(instruments: Instruments): AuthorityMetrics {
  const roots = instruments.gauge(
    'authority_not_after_timestamp_seconds',
    'When the root of a generation expires, seconds since the epoch.',
    ['certificate_authority', 'generation'],
  );
  const issuing = instruments.gauge(
    'issuing_not_after_timestamp_seconds',
    'When the issuing certificate of this replica expires, seconds since the epoch.',
    ['certificate_authority'],
  );
  const confirmed = instruments.gauge(
    'authority_confirmed_timestamp_seconds',
    'When this replica last confirmed that it may sign, seconds since the epoch. It stops signing when that is too old.',
    ['certificate_authority'],
  );
  const signerGone = (certificate_authority: string): void => {
    for (const gauge of [issuing, confirmed]) gauge.remove({ certificate_authority });
  };
  const generations = new Map<string, Set<number>>();
  return {
    root(certificate_authority, generation, notAfter) {
      const known = generations.get(certificate_authority) ?? new Set();
      generations.set(certificate_authority, known.add(generation));
      roots.set({ certificate_authority, generation }, notAfter);
    },
    issuing: (certificate_authority, notAfter) => issuing.set({ certificate_authority }, notAfter),
    confirmed: (certificate_authority, at) => confirmed.set({ certificate_authority }, at),
    signerGone,
    forget(certificate_authority, generation) {
      const known = generations.get(certificate_authority) ?? new Set<number>();
      for (const each of generation === undefined ? [...known] : [generation]) {
        roots.remove({ certificate_authority, generation: each });
        known.delete(each);
      }
      if (generation !== undefined) return;
      generations.delete(certificate_authority);
      signerGone(certificate_authority);
    },
  };
}

export function bundleMetrics(instruments: Instruments): BundleMetrics {
  const anchors = instruments.gauge('bundle_anchors', 'Roots in the bundle.', ['bundle']);
  const bytes = instruments.gauge(
    'bundle_bytes',
    'Bytes of the bundle as PEM; an object takes 1048576, all of its keys together.',
    ['bundle'],
  );
  const expiry = instruments.gauge(
    'bundle_root_not_after_timestamp_seconds',
    'When a root in the bundle expires, seconds since the epoch; `root` is the first 8 digits of its fingerprint.',
    ['bundle', 'root'],
  );
  const withheld = instruments.gauge(
    'bundle_roots_withheld',
    'Roots that no source gives any more and that stay, because nobody agreed to lose so many.',
    ['bundle'],
  );
  const promotion = instruments.gauge(
    'bundle_promotion_pending',
    'Whether the sources give other roots than the live targets hold, which wait for spec.promoted: 1 or 0.',
    ['bundle'],
  );
  const verified = instruments.gauge(
    'bundle_target_verified_timestamp_seconds',
    'When the target was last read back and held the bundle, seconds since the epoch; its age is time() minus this.',
    ['bundle', 'target'],
  );
  const writes = instruments.counter(
    'bundle_target_writes_total',
    'Writes to a target: written (the bundle changed), repaired (someone else had changed the target) or failed.',
    ['bundle', 'target', 'outcome'],
  );
  const placements = instruments.gauge(
    'bundle_placements',
    'Namespaces of a target: holding (seen to hold the bundle), failing (they refuse it) or pending.',
    ['bundle', 'target', 'state'],
  );
  const unread = instruments.gauge(
    'bundle_target_unread',
    'Whether what was written to the namespaces of a target cannot be read back, so that nobody knows what they hold: 1 or 0.',
    ['bundle', 'target'],
  );
  const sources = instruments.gauge(
    'bundle_source_good_timestamp_seconds',
    'When the source last gave a readable set of roots, seconds since the epoch.',
    ['bundle', 'source'],
  );
  const failing = instruments.gauge(
    'bundle_source_failing',
    '1 while the source cannot be read and its last good content stays, else 0.',
    ['bundle', 'source'],
  );
  const rootsOf = new Map<string, ReadonlyMap<string, number>>();
  const targetsOf = new Map<string, readonly string[]>();
  const sourcesOf = new Map<string, Set<string>>();
  const forgetTarget = (bundle: string, target: string): void => {
    for (const gauge of [verified, unread]) gauge.remove({ bundle, target });
    for (const state of placementStates) placements.remove({ bundle, target, state });
    for (const outcome of writeOutcomes) writes.remove({ bundle, target, outcome });
  };
  const forgetSource = (bundle: string, source: string): void => {
    for (const gauge of [sources, failing]) gauge.remove({ bundle, source });
  };
  return {
    assembled(bundle, roots, size) {
      anchors.set({ bundle }, roots.size);
      bytes.set({ bundle }, size);
      for (const root of rootsOf.get(bundle)?.keys() ?? []) {
        if (!roots.has(root)) expiry.remove({ bundle, root });
      }
      for (const [root, notAfter] of roots) expiry.set({ bundle, root }, notAfter);
      rootsOf.set(bundle, roots);
    },
    targets(bundle, names) {
      for (const target of targetsOf.get(bundle) ?? []) {
        if (!names.includes(target)) forgetTarget(bundle, target);
      }
      targetsOf.set(bundle, names);
    },
    verified: (bundle, target, at) => verified.set({ bundle, target }, at),
    placed(bundle, target, states) {
      for (const state of placementStates) placements.set({ bundle, target, state }, states[state]);
    },
    unread: (bundle, target, isUnread) => unread.set({ bundle, target }, isUnread ? 1 : 0),
    published: (bundle, target, outcome) => writes.inc({ bundle, target, outcome }),
    sources(bundle, states) {
      for (const source of sourcesOf.get(bundle) ?? []) {
        if (!states.has(source)) forgetSource(bundle, source);
      }
      sourcesOf.set(bundle, new Set(states.keys()));
      for (const [source, { goodAt, failing: isFailing }] of states) {
        if (goodAt !== undefined) sources.set({ bundle, source }, goodAt);
        failing.set({ bundle, source }, isFailing ? 1 : 0);
      }
    },
    withheld: (bundle, roots) => withheld.set({ bundle }, roots),
    promotion: (bundle, isPending) => promotion.set({ bundle }, isPending ? 1 : 0),
    forget(bundle) {
      for (const gauge of [anchors, bytes, withheld, promotion]) gauge.remove({ bundle });
      for (const root of rootsOf.get(bundle)?.keys() ?? []) expiry.remove({ bundle, root });
      rootsOf.delete(bundle);
      for (const target of targetsOf.get(bundle) ?? []) forgetTarget(bundle, target);
      for (const source of sourcesOf.get(bundle) ?? []) forgetSource(bundle, source);
      targetsOf.delete(bundle);
      sourcesOf.delete(bundle);
    },
    // Counters stay: they are of this replica, and count on when it leads again.
    forgetAll() {
      for (const gauge of [
        anchors,
        bytes,
        withheld,
        promotion,
        expiry,
        verified,
        placements,
        unread,
        sources,
        failing,
      ])
        gauge.reset();
      rootsOf.clear();
      sourcesOf.clear();
    },
  };
}
