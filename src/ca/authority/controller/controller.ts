import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type AdmittedAuthority, admitAuthority } from '#ca/authority/claims.ts';
import { advance, type Progress, type Publication } from '#ca/authority/lifecycle.ts';
import type {
  AuthorityStatus,
  CertificateAuthority,
  CertificateAuthorityStatus,
} from '#ca/authority/resource.ts';
import { formatTimestamp } from '#ca/authority/secret.ts';
import { describeAuthorities } from '#ca/authority/status.ts';
import type { AuthorityStore } from '#ca/authority/store.ts';
import { advice, errorCode, errorRow, MangroveError } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import { setCondition } from '#kube/condition.ts';
import type { EventRecorder } from '#kube/event.ts';
import { certificateAuthorities } from '#kube/resource.ts';
import type { Step } from '#step.ts';

/** What main passes in from bundles: neither room knows the other. */
export interface Publisher {
  /** Makes sure that a TrustBundle publishes the roots of this CertificateAuthority, and names it. */
  ensureTrustBundle(authority: AdmittedAuthority): Promise<string>;
  /** How many roots the TrustBundle of this CertificateAuthority publishes from it, by a consistent read. */
  countPublished(authority: AdmittedAuthority): Promise<number>;
  /** Reads every required target of the trust domain now and looks for the anchor. */
  checkPublished(trustDomain: string, anchorSha256: string): Promise<Publication>;
}

/** Told what stands, for metrics. */
export interface AuthorityObserver {
  /** A generation, with the second at which its root expires. */
  root(certificateAuthority: string, generation: number, notAfter: number): void;
  /** The CertificateAuthority is gone. */
  forget(certificateAuthority: string): void;
}

export interface AuthorityReconcilerOptions {
  readonly client: KubeClient;
  readonly store: AuthorityStore;
  /** Every CertificateAuthority of the cluster. */
  readonly authorities: Cache<CertificateAuthority>;
  readonly publisher: Publisher;
  readonly crypto: Crypto;
  readonly newSerial: () => Buffer;
  /** Only the holder of the leader Lease writes; that two hold it for a moment is harmless. */
  readonly isLeader: () => boolean;
  readonly events: EventRecorder;
  readonly observer: AuthorityObserver;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly step?: Step;
}

/** How soon to look again while a gate is closed; what opens it, a change of the TrustBundle, wakes us before that. */
const gatePollMs = 10_000;
/** How often to look at an authority that nothing happened to. */
const resyncMs = 5 * 60_000;

/** Brings one CertificateAuthority forward and reports where it stands. The key is its name. */
export function createAuthorityReconciler(
  options: AuthorityReconcilerOptions,
): (name: string) => Promise<{ readonly requeueAfterMs: number } | undefined> {
  const { client, store, publisher, authorities, log } = options;

  async function reconcile(name: string): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const raw = authorities.get(undefined, name);
    if (raw === undefined) options.observer.forget(name);
    if (raw === undefined || !options.isLeader()) return undefined;
    try {
      const admitted = admitAuthority(raw, authorities.list());
      const progress = await bringForward(raw, admitted);
      for (const { generation, certificate } of progress.authorities) {
        options.observer.root(name, generation, certificate.notAfter);
      }
      await report(raw, describeProgress(raw, progress));
      return { requeueAfterMs: progress.waitingFor === undefined ? resyncMs : gatePollMs };
    } catch (error) {
      await reportFailure(raw, error);
      throw error;
    }
  }

  function bringForward(raw: CertificateAuthority, admitted: AdmittedAuthority): Promise<Progress> {
    const { crypto, newSerial, step } = options;
    const { owner, spec } = admitted;
    const remembered = {
      generations: raw.status?.authorities ?? [],
      publishedSignerNames: raw.status?.publishedSignerNames ?? [],
    };
    return advance(owner, spec, remembered, {
      store,
      crypto,
      newSerial,
      confirmNew: () => confirmNew(raw, admitted),
      ensureTrustBundle: () => publisher.ensureTrustBundle(admitted),
      checkPublished: (sha256) => publisher.checkPublished(owner.trustDomain, sha256),
      ...(step === undefined ? {} : { step }),
    });
  }

  async function confirmNew(raw: CertificateAuthority, admitted: AdmittedAuthority): Promise<void> {
    const { name } = admitted.owner;
    const now = await client.get<CertificateAuthority>(certificateAuthorities, name);
    if (now.metadata.uid !== raw.metadata.uid || (now.status?.authorities ?? []).length > 0) {
      // Whoever was faster did all of it: the watch brings that.
      throw new MangroveError('KUBE_CONFLICT', `${name} is not any more what the watch showed`);
    }
    const published = await publisher.countPublished(admitted);
    if (published > 0) {
      throw new MangroveError(
        'CA_AUTHORITY_MISSING',
        `${published} roots of an earlier ${name} are published and may have leaves that live; to begin anew all the same, delete TrustBundle ${admitted.owner.trustDomain} first`,
      );
    }
  }

  function describeProgress(
    raw: CertificateAuthority,
    { authorities: all, trustBundle, publishedSignerNames, waitingFor }: Progress,
  ): CertificateAuthorityStatus {
    const described = describeAuthorities(all);
    const active = described.authorities.find(({ phase }) => phase === 'Active');
    const ready = readiness(
      active,
      publishedSignerNames,
      raw.spec.signerNames,
      waitingFor,
      formatTimestamp(Math.floor(options.now() / 1000)),
    );
    return {
      ...raw.status,
      authorities: described.authorities,
      activeAuthority: described.activeAuthority,
      trustBundle,
      publishedSignerNames: [...publishedSignerNames],
      ...conditions(raw, ready),
    };
  }

  /** That the API server did not answer says nothing about the authority; that it refuses us does. */
  async function reportFailure(raw: CertificateAuthority, error: unknown): Promise<void> {
    const code = errorCode(error);
    if (code?.startsWith('CA_') !== true && code !== 'KUBE_FORBIDDEN' && code !== 'KUBE_INVALID') return;
    const { reason } = errorRow(error);
    const message = advice(error);
    options.events.record(raw, { type: 'Warning', reason, message });
    await report(raw, { ...raw.status, ...conditions(raw, { status: 'False', reason, message }) });
  }

  function conditions(
    raw: CertificateAuthority,
    ready: ReadyCondition,
  ): Pick<CertificateAuthorityStatus, 'conditions' | 'observedGeneration'> {
    const observedGeneration = raw.metadata.generation ?? 0;
    const next = { type: 'Ready', ...ready, observedGeneration };
    return {
      observedGeneration,
      conditions: setCondition(
        raw.status?.conditions ?? [],
        next,
        formatTimestamp(Math.floor(options.now() / 1000)),
      ),
    };
  }

  async function report(raw: CertificateAuthority, status: CertificateAuthorityStatus): Promise<void> {
    // As JSON, in which an absent value and an undefined one are the same.
    if (isDeepStrictEqual(JSON.parse(JSON.stringify(status)), raw.status)) return;
    await options.step?.('authority/status');
    await client.updateStatus(certificateAuthorities, { ...raw, status });
    log.info(
      { certificateAuthority: raw.metadata.name, active: status.activeAuthority },
      'certificate authority status',
    );
  }

  return reconcile;
}

interface ReadyCondition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** @param now RFC 3339, whole seconds, which compares as text. */
function readiness(
  active: AuthorityStatus | undefined,
  published: readonly string[],
  wanted: readonly string[],
  waitingFor: string | undefined,
  now: string,
): ReadyCondition {
  if (active !== undefined && active.notAfter <= now) {
    return {
      status: 'False',
      reason: 'Expired',
      message: `the root of generation ${active.generation} ended at ${active.notAfter}`,
    };
  }
  if (active === undefined || published.length < wanted.length) {
    return {
      status: 'False',
      reason: 'AwaitingPublication',
      message: waitingFor ?? 'no authority is active',
    };
  }
  return {
    status: 'True',
    reason: 'Active',
    message: `generation ${active.generation} signs until ${active.notAfter}`,
  };
}
