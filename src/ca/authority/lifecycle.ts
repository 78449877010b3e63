import type { Authority } from '#ca/authority/authority.ts';
import { nextTimestamp, type Phase, phases } from '#ca/authority/phase.ts';
import type { AuthoritySpec } from '#ca/authority/resource.ts';
import { createRoot } from '#ca/authority/root.ts';
import type { AuthorityOwner, AuthorityStore } from '#ca/authority/store.ts';
import type { Step } from '#ca/issuance/issue.ts';
import { MangroveError } from '#errors/error.ts';

/** What was seen when every required target was read: passed in by main, from bundles. */
export interface Publication {
  readonly published: boolean;
  /** Which targets hold it, or who is missing it and why; for the status. */
  readonly message: string;
}

export interface LifecycleContext {
  readonly store: AuthorityStore;
  readonly crypto: Crypto;
  readonly newSerial: () => Buffer;
  /** Makes sure that the roots of this CertificateAuthority have a TrustBundle, and names it. */
  readonly ensureTrustBundle: () => Promise<string>;
  /** Reads every required target now and looks for the anchor. */
  readonly checkPublished: (anchorSha256: string) => Promise<Publication>;
  readonly step?: Step;
}

export interface Progress {
  readonly authorities: readonly Authority[];
  readonly trustBundle: string;
  /** What the next transition waits for; undefined when there is none. */
  readonly waitingFor: string | undefined;
}

/**
 * Takes an authority as far as its gates allow: generation 1 from nothing to Active. Idempotent: each transition is
 * one write with a precondition, so that a crash, or a second holder of the lease, between any two finds it resumable.
 * @param remembered generations that the status knows of: one of them that has no Secret is missing, not new.
 * @throws MangroveError CA_AUTHORITY_MISSING, CA_TRANSITION_LOST and what the store throws.
 */
export async function advance(
  owner: AuthorityOwner,
  spec: AuthoritySpec,
  remembered: readonly number[],
  context: LifecycleContext,
): Promise<Progress> {
  const { store, step } = context;
  let authorities = await store.observed(owner);
  if (authorities.length === 0) authorities = await store.read(owner);
  refuseMissing(owner, authorities, remembered);
  if (authorities.length === 0) {
    await step?.('authority/create');
    await store.create(owner, 1, await newRoot(spec, context), store.serverTime());
    authorities = await store.read(owner);
  }
  await step?.('authority/bundle');
  const trustBundle = await context.ensureTrustBundle();
  for (;;) {
    const next = nextTransition(authorities);
    if (next === undefined) return { authorities, trustBundle, waitingFor: undefined };
    const publication = await context.checkPublished(next.authority.certificate.sha256);
    if (!publication.published) return { authorities, trustBundle, waitingFor: publication.message };
    await step?.(`authority/${next.kind}`);
    authorities = await transition(owner, next, store);
  }
}

function refuseMissing(
  owner: AuthorityOwner,
  authorities: readonly Authority[],
  remembered: readonly number[],
): void {
  const present = new Set(authorities.map(({ generation }) => generation));
  const missing = remembered.filter((generation) => !present.has(generation));
  if (missing.length > 0) {
    throw new MangroveError(
      'CA_AUTHORITY_MISSING',
      `generation ${missing.join(', ')} of ${owner.name} has no Secret any more`,
    );
  }
}

function newRoot(
  spec: AuthoritySpec,
  { store, crypto, newSerial }: LifecycleContext,
): ReturnType<typeof createRoot> {
  const now = store.serverTime();
  return createRoot(
    {
      trustDomain: spec.trustDomain,
      algorithm: spec.root.algorithm,
      serial: newSerial(),
      notBefore: now - spec.leaf.backdateSeconds,
      notAfter: now + spec.root.lifetimeSeconds,
    },
    crypto,
  );
}

interface Transition {
  readonly authority: Authority;
  readonly kind: 'publishedAt' | 'activatedAt';
  readonly to: Phase;
}

/**
 * Created becomes Prepared whenever it is published. Prepared becomes Active by itself only where nothing was ever
 * active: the first authority has no predecessor whose leaves could break (design §3.3).
 */
function nextTransition(authorities: readonly Authority[]): Transition | undefined {
  const phaseById = phases(authorities);
  const neverActive = authorities.every(({ timestamps }) => timestamps.activatedAt === undefined);
  for (const authority of authorities) {
    const phase = phaseById.get(authority.id);
    if (phase === 'Created') return { authority, kind: 'publishedAt', to: 'Prepared' };
    if (phase === 'Prepared' && neverActive) return { authority, kind: 'activatedAt', to: 'Active' };
  }
  return undefined;
}

/** One write, then every authority read again: the phases must be what the write meant. */
async function transition(
  owner: AuthorityOwner,
  { authority, kind, to }: Transition,
  store: AuthorityStore,
): Promise<readonly Authority[]> {
  await store.stamp(authority, kind, nextTimestamp(kind, store.serverTime(), await store.read(owner)));
  const authorities = await store.read(owner);
  const phase = phases(authorities).get(authority.id);
  if (phase === to) return authorities;
  throw new MangroveError(
    'CA_TRANSITION_LOST',
    `${authority.secretName} is ${phase ?? 'gone'} after it was made ${to}`,
  );
}
