import type { Authority } from '#ca/authority/authority.ts';
import { activeAuthority, nextTimestamp, type Phase, phases } from '#ca/authority/phase.ts';
import { checkRemembered, type RememberedGeneration } from '#ca/authority/remembered.ts';
import type { AuthoritySpec } from '#ca/authority/resource.ts';
import { createRoot } from '#ca/authority/root.ts';
import type { AuthorityOwner, AuthorityStore } from '#ca/authority/store.ts';
import { MangroveError } from '#errors/error.ts';
import type { Step } from '#step.ts';

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
  /**
   * Asked by consistent reads before a first root is made: a status that a cache does not show yet, or a bundle that
   * still publishes roots of this name, mean that it would not be the first.
   * @throws MangroveError CA_AUTHORITY_MISSING
   */
  readonly confirmNew: () => Promise<void>;
  /** Makes sure that the roots of this CertificateAuthority have a TrustBundle, and names it. */
  readonly ensureTrustBundle: () => Promise<string>;
  /** Reads every required target now and looks for the anchor. */
  readonly checkPublished: (anchorSha256: string) => Promise<Publication>;
  readonly step?: Step;
}

/** What the status knows. */
export interface Remembered {
  readonly generations: readonly RememberedGeneration[];
  /** Signer names whose target was seen to hold the active root. */
  readonly publishedSignerNames: readonly string[];
}

export interface Progress {
  readonly authorities: readonly Authority[];
  readonly trustBundle: string;
  /** The signer names that may be served: leaves under them can be verified by whoever mounts their bundle. */
  readonly publishedSignerNames: readonly string[];
  /** What the next step waits for; undefined when there is none. */
  readonly waitingFor: string | undefined;
}

/**
 * Takes an authority as far as its gates allow: generation 1 from nothing to Active, then every signer name from
 * published to served. Idempotent: each transition is one write with a precondition, so that a crash, or a second holder
 * of the lease, between any two finds it resumable.
 * @throws MangroveError CA_AUTHORITY_MISSING, CA_AUTHORITY_DAMAGED, CA_TRANSITION_LOST and what the store throws.
 */
export async function advance(
  owner: AuthorityOwner,
  spec: AuthoritySpec,
  remembered: Remembered,
  context: LifecycleContext,
): Promise<Progress> {
  const { step } = context;
  const found = await find(owner, spec, remembered, context);
  await step?.('authority/bundle');
  const trustBundle = await context.ensureTrustBundle();
  const served = remembered.publishedSignerNames.filter((name) => spec.signerNames.includes(name));
  const activation = await activate(owner, spec, found, context);
  const { authorities, waitingFor } = activation;
  const active = activeAuthority(authorities);
  if (waitingFor !== undefined || active === undefined || served.length === spec.signerNames.length) {
    return { authorities, trustBundle, publishedSignerNames: active === undefined ? [] : served, waitingFor };
  }
  const publication = await context.checkPublished(active.certificate.sha256);
  return publication.published
    ? { authorities, trustBundle, publishedSignerNames: spec.signerNames, waitingFor: undefined }
    : { authorities, trustBundle, publishedSignerNames: served, waitingFor: publication.message };
}

/** What there is, by the watch; before anything is missed or made, by a consistent read. Then what was made. */
async function find(
  owner: AuthorityOwner,
  spec: AuthoritySpec,
  { generations }: Remembered,
  context: LifecycleContext,
): Promise<readonly Authority[]> {
  const { store, step } = context;
  let authorities = await store.observed(owner);
  if (authorities.length < Math.max(generations.length, 1)) authorities = await store.read(owner);
  checkRemembered(owner.name, authorities, generations);
  if (authorities.length > 0) return authorities;
  await context.confirmNew();
  await step?.('authority/create');
  await store.create(owner, 1, await newRoot(spec, context), store.serverTime());
  return store.read(owner);
}

interface Activation {
  readonly authorities: readonly Authority[];
  readonly waitingFor: string | undefined;
}

/** Every transition whose gate is open, one after the other. */
async function activate(
  owner: AuthorityOwner,
  spec: AuthoritySpec,
  found: readonly Authority[],
  { store, checkPublished, step }: LifecycleContext,
): Promise<Activation> {
  let authorities = found;
  for (;;) {
    const next = nextTransition(authorities);
    if (next === undefined) break;
    const publication = await checkPublished(next.authority.certificate.sha256);
    if (!publication.published) return { authorities, waitingFor: publication.message };
    await step?.(next.step);
    authorities = await transition(owner, spec, next, store);
  }
  const active = activeAuthority(authorities);
  const { maxLifetimeSeconds } = spec.leaf;
  if (active !== undefined && active.maxLeafLifetime < maxLifetimeSeconds) {
    // Signers never exceed what stands there: it is raised before the first longer leaf.
    await store.write(active, { maxLeafLifetime: maxLifetimeSeconds });
    authorities = await store.read(owner);
  }
  return { authorities, waitingFor: undefined };
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
  readonly step: 'authority/prepare' | 'authority/activate';
}

/**
 * Created becomes Prepared whenever it is published. Prepared becomes Active by itself only where nothing was ever
 * active: the first authority has no predecessor whose leaves could break (docs/architecture.md).
 */
function nextTransition(authorities: readonly Authority[]): Transition | undefined {
  const phaseById = phases(authorities);
  const neverActive = authorities.every(({ timestamps }) => timestamps.activatedAt === undefined);
  for (const authority of authorities) {
    const phase = phaseById.get(authority.id);
    if (phase === 'Created') {
      return { authority, kind: 'publishedAt', to: 'Prepared', step: 'authority/prepare' };
    }
    if (phase === 'Prepared' && neverActive) {
      return { authority, kind: 'activatedAt', to: 'Active', step: 'authority/activate' };
    }
  }
  return undefined;
}

/** One write, then every authority read again: the phases must be what the write meant. */
async function transition(
  owner: AuthorityOwner,
  spec: AuthoritySpec,
  { authority, kind, to }: Transition,
  store: AuthorityStore,
): Promise<readonly Authority[]> {
  const seconds = nextTimestamp(kind, store.serverTime(), await store.read(owner));
  const maxLeafLifetime = Math.max(authority.maxLeafLifetime, spec.leaf.maxLifetimeSeconds);
  await store.write(authority, {
    timestamps: { [kind]: seconds },
    ...(kind === 'activatedAt' ? { maxLeafLifetime } : {}),
  });
  const authorities = await store.read(owner);
  const phase = phases(authorities).get(authority.id);
  if (phase === to) return authorities;
  throw new MangroveError(
    'CA_TRANSITION_LOST',
    `${authority.secretName} is ${phase ?? 'gone'} after it was made ${to}`,
  );
}
