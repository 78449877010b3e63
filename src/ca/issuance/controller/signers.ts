import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Authority } from '#ca/authority/authority.ts';
import { admitAuthority } from '#ca/authority/claims.ts';
import { activeAuthority } from '#ca/authority/phase.ts';
import { checkRemembered } from '#ca/authority/remembered.ts';
import type { AuthoritySpec, CertificateAuthority } from '#ca/authority/resource.ts';
import type { AuthorityStore } from '#ca/authority/store.ts';
import type { Confirmation, Fence } from '#ca/issuance/controller/fence.ts';
import type { KeyIds } from '#ca/issuance/controller/reported-keys.ts';
import { type IssuingKey, mintIssuingKey } from '#ca/issuance/issuing-certificate.ts';
import { leafProfile } from '#ca/issuance/profile.ts';
import { issuingValidity, renewAt, shouldMint, type Validity } from '#ca/issuance/renewal.ts';
import type { FindSigner, Signer } from '#ca/issuance/signer.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import type { Ledger } from '#ledger/ledger.ts';
import type { Step } from '#step.ts';

export interface SignersOptions {
  readonly store: Pick<AuthorityStore, 'read' | 'rootKey'>;
  /** Every CertificateAuthority of the cluster. */
  readonly authorities: Cache<CertificateAuthority>;
  /** One of them by a consistent read; undefined when it is gone. @throws MangroveError KUBE_* */
  readonly readAuthority: (name: string) => Promise<CertificateAuthority | undefined>;
  readonly ledger: Ledger;
  readonly crypto: Crypto;
  readonly newSerial: () => Buffer;
  readonly replica: string;
  readonly log: Logger;
  /** A signer appeared, changed or went away. */
  readonly onChange: (certificateAuthority: string, signer: Signer | undefined) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fence: Fence;
  readonly observer: SignersObserver;
  /** Of the issuing keys of all replicas. */
  readonly reportedKeys: KeyIds;
  readonly step?: Step;
}

/** Told what this replica holds, for metrics. */
export interface SignersObserver {
  /** The issuing certificate in use, with the second at which it expires. */
  issuing(certificateAuthority: string, notAfter: number): void;
  /** Second at which the API server was asked whether this replica may sign, and said yes. */
  confirmed(certificateAuthority: string, at: number): void;
}

/** The signers of this replica: which it holds now, and the reconciler that keeps them so. Every replica has its own. */
export interface Signers {
  readonly find: FindSigner;
  /** The signer names that this replica may sign for at this moment. */
  serving(): readonly string[];
  readonly serves: (signerName: string) => boolean;
  /** @throws MangroveError CA_NOT_READY, CA_NOT_CONFIRMED, CA_CLOCK_SKEWED, unless the key may sign at this moment. */
  requireFence(issuing: IssuingKey): void;
  /** Ids of every authority that this process ever issued under. */
  issuedUnder(): ReadonlySet<string>;
  /** Every issuing key in use. */
  issuing(): readonly IssuingKey[];
  /** The key is the name of a CertificateAuthority. */
  reconcile(name: string): Promise<{ readonly requeueAfterMs: number } | undefined>;
}

/** Between two confirmations, and between two looks at an authority whose issuing certificate is not due. */
const resyncMs = 60_000;

interface Held {
  /** Signer names that are published and may be served. */
  readonly signerNames: readonly string[];
  readonly signer: Signer;
  readonly spec: AuthoritySpec;
  /** By the read that showed that the authority is the active one. */
  readonly confirmation: Confirmation;
}

export function createSigners(options: SignersOptions): Signers {
  const { store, ledger, authorities, fence, log } = options;
  /** By name of the CertificateAuthority. */
  const held = new Map<string, Held>();
  const issuedUnder = new Set<string>();
  /** Of every root that a status names; made anew when one has changed. */
  let rootIds: ReadonlySet<string> | undefined;
  authorities.onChange(() => {
    rootIds = undefined;
  });

  function drop(name: string): void {
    if (held.delete(name)) options.onChange(name, undefined);
  }

  async function reconcile(name: string): Promise<{ readonly requeueAfterMs: number } | undefined> {
    if (authorities.get(undefined, name) === undefined) {
      drop(name);
      return undefined;
    }
    try {
      return await hold(name);
    } catch (error) {
      // What is wrong with the authority itself ends its signatures at once; an API server that does not answer only
      // lets the confirmation grow old.
      if (errorCode(error)?.startsWith('CA_') === true) drop(name);
      throw error;
    }
  }

  async function hold(name: string): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const sent = fence.mark();
    const raw = await options.readAuthority(name);
    if (raw === undefined) {
      drop(name);
      return undefined;
    }
    const { owner, spec } = admitAuthority(raw, authorities.list());
    const confirmation = { sent, boundMs: spec.rotation.stalenessBoundSeconds * 1000 };
    const generations = await store.read(owner);
    checkRemembered(name, generations, raw.status?.authorities ?? []);
    const active = activeAuthority(generations);
    if (active === undefined) {
      drop(name);
      return undefined;
    }
    // Whatever becomes of the new one's key: what is not active any more signs no more.
    if (held.get(name)?.signer.issuing.authority !== active.id) drop(name);
    options.observer.confirmed(name, Math.floor(confirmation.sent.wall / 1000));
    const issuing = await issuingKeyFor(name, spec, active, confirmation);
    const own = new Set([...generations.map(({ id }) => id), keyId(issuing)]);
    const authorityKeyIds = { has: (id: string) => own.has(id) || isAuthorityKey(id) };
    const signer: Signer = { profile: leafProfile(spec, active.maxLeafLifetime), issuing, authorityKeyIds };
    const published = raw.status?.publishedSignerNames ?? [];
    const signerNames = spec.signerNames.filter((signerName) => published.includes(signerName));
    const before = held.get(name);
    const wasOpen = before !== undefined && fence.allows(before.confirmation);
    held.set(name, { signerNames, signer, spec, confirmation });
    issuedUnder.add(issuing.authority);
    if (
      !wasOpen ||
      before.signer.issuing !== issuing ||
      !isDeepStrictEqual(before.signerNames, signerNames)
    ) {
      options.observer.issuing(name, issuing.certificate.notAfter);
      options.onChange(name, signer);
    }
    const dueMs = renewAt(spec, issuing.certificate) * 1000 - options.now();
    // A renewal that is due and did not happen is tried again at the usual pace: there is the overlap for it.
    const paceMs = Math.min(resyncMs, confirmation.boundMs / 3);
    return { requeueAfterMs: dueMs > 0 ? Math.min(dueMs, paceMs) : paceMs };
  }

  async function issuingKeyFor(
    name: string,
    spec: AuthoritySpec,
    active: Authority,
    confirmation: Confirmation,
  ): Promise<IssuingKey> {
    const now = options.now();
    const seconds = Math.floor(now / 1000);
    const usable = usableKey(held.get(name), spec, active);
    if (usable !== undefined && !shouldMint(spec, active.certificate, usable.certificate, seconds))
      return usable;
    const validity = issuingValidity(spec, active.certificate, seconds);
    const requireFence = (): void => fence.require(confirmation);
    try {
      // Also before the first use of `now`: a clock that is wrong must not mint early, or too late.
      requireFence();
      requireLife(spec, validity, seconds);
      const request = {
        trustDomain: spec.trustDomain,
        algorithm: spec.issuing.algorithm,
        serial: options.newSerial(),
        ...validity,
        now,
        replica: options.replica,
      };
      const root = { certificate: active.certificate, key: () => store.rootKey(active) };
      const { crypto, step } = options;
      const minted = await mintIssuingKey(request, root, { crypto, ledger, requireFence, step });
      const serial = request.serial.toString('hex');
      log.info(
        { certificateAuthority: name, authority: active.id, serial, notAfter: validity.notAfter },
        'issuing certificate minted',
      );
      return minted;
    } catch (error) {
      // A renewal that fails early harms nobody yet: the present certificate signs on, and the error is seen.
      if (usable === undefined || usable.certificate.notAfter <= seconds) throw error;
      log.warn(
        { certificateAuthority: name, code: errorCode(error), err: error },
        'issuing certificate not renewed; the present one goes on',
      );
      return usable;
    }
  }

  /** Of any CertificateAuthority, by its status and by what this and other replicas hold. */
  function isAuthorityKey(id: string): boolean {
    for (const { signer } of held.values()) if (keyId(signer.issuing) === id) return true;
    if (options.reportedKeys.has(id)) return true;
    rootIds ??= new Set(
      authorities
        .list()
        .flatMap(({ status }) => status?.authorities ?? [])
        .map(({ id }) => id),
    );
    return rootIds.has(id);
  }

  /** Without asking the fence. */
  function findHeld(signerName: string): Held {
    for (const each of held.values()) if (each.signerNames.includes(signerName)) return each;
    const claimed = authorities.list().some(({ spec }) => spec.signerNames.includes(signerName));
    throw claimed
      ? new MangroveError('CA_NOT_READY', `no authority signs for ${signerName} on this replica yet`)
      : new MangroveError('CA_UNKNOWN_SIGNER', `no CertificateAuthority has the signer name ${signerName}`);
  }

  function find(signerName: string): Signer {
    const { signer, confirmation } = findHeld(signerName);
    fence.require(confirmation);
    return signer;
  }

  return {
    reconcile,
    issuing: () => [...held.values()].map(({ signer }) => signer.issuing),
    issuedUnder: () => issuedUnder,
    find,
    serves(signerName) {
      for (const { signerNames, confirmation } of held.values()) {
        if (signerNames.includes(signerName)) return fence.allows(confirmation);
      }
      return false;
    },
    serving: () =>
      [...held.values()]
        .filter(({ confirmation }) => fence.allows(confirmation))
        .flatMap(({ signerNames }) => signerNames),
    requireFence({ authority }) {
      for (const { signer, confirmation } of held.values()) {
        if (signer.issuing.authority === authority) return fence.require(confirmation);
      }
      throw new MangroveError('CA_NOT_READY', `authority ${authority} does not sign any more`);
    },
  };
}

/** The key in use, unless it is of another authority or of an algorithm that the spec does not ask for any more. */
function usableKey(held: Held | undefined, spec: AuthoritySpec, active: Authority): IssuingKey | undefined {
  const issuing = held?.signer.issuing;
  const fits =
    issuing?.authority === active.id && issuing.certificate.publicKey.algorithm === spec.issuing.algorithm;
  return fits ? issuing : undefined;
}

/** Before anything is recorded: a root that ends too soon for any leaf is no fault of the certificate that is made. */
function requireLife({ leaf }: AuthoritySpec, { notAfter }: Validity, now: number): void {
  if (notAfter - now >= leaf.minLifetimeSeconds) return;
  throw new MangroveError('CA_ISSUER_EXPIRING', `the root has ${notAfter - now} s left`);
}

function keyId({ certificate }: IssuingKey): string {
  return certificate.publicKey.keyId;
}
