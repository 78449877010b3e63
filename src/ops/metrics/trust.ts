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

export interface BundleMetrics {
  /** A bundle was put together. */
  assembled(bundle: string, anchors: number, bytes: number): void;
  /** A target was read back and held the bundle; seconds since the epoch. */
  verified(bundle: string, target: string, at: number): void;
  /** A target was written, or could not be. */
  published(bundle: string, target: string, outcome: 'written' | 'repaired' | 'failed'): void;
  /** A source gave a readable set; seconds since the epoch. */
  sourceGood(bundle: string, source: string, at: number): void;
  forget(bundle: string): void;
}

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
    'Bytes of the bundle as PEM; a ClusterTrustBundle takes 1048576.',
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
  const sources = instruments.gauge(
    'bundle_source_good_timestamp_seconds',
    'When the source last gave a readable set of roots, seconds since the epoch.',
    ['bundle', 'source'],
  );
  const targetsOf = new Map<string, Set<string>>();
  const sourcesOf = new Map<string, Set<string>>();
  const remember = (map: Map<string, Set<string>>, bundle: string, name: string): void => {
    map.set(bundle, (map.get(bundle) ?? new Set()).add(name));
  };
  return {
    assembled(bundle, count, size) {
      anchors.set({ bundle }, count);
      bytes.set({ bundle }, size);
    },
    verified(bundle, target, at) {
      remember(targetsOf, bundle, target);
      verified.set({ bundle, target }, at);
    },
    published: (bundle, target, outcome) => writes.inc({ bundle, target, outcome }),
    sourceGood(bundle, source, at) {
      remember(sourcesOf, bundle, source);
      sources.set({ bundle, source }, at);
    },
    forget(bundle) {
      for (const gauge of [anchors, bytes]) gauge.remove({ bundle });
      for (const target of targetsOf.get(bundle) ?? []) verified.remove({ bundle, target });
      for (const source of sourcesOf.get(bundle) ?? []) sources.remove({ bundle, source });
      targetsOf.delete(bundle);
      sourcesOf.delete(bundle);
    },
  };
}
