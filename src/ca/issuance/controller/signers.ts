import type { Logger } from 'pino';
import type { Authority } from '#ca/authority/authority.ts';
import { type AdmittedAuthority, admitAuthority } from '#ca/authority/claims.ts';
import { activeAuthority } from '#ca/authority/phase.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { AuthorityStore } from '#ca/authority/store.ts';
import { type IssuingKey, mintIssuingKey } from '#ca/issuance/issuing-certificate.ts';
import { leafProfile } from '#ca/issuance/profile.ts';
import { issuingValidity, renewAt, shouldMint } from '#ca/issuance/renewal.ts';
import type { FindSigner, Signer } from '#ca/issuance/signer.ts';
import { MangroveError } from '#errors/error.ts';
import type { Cache } from '#kube/cache.ts';
import type { Ledger } from '#ledger/ledger.ts';

export interface SignersOptions {
  readonly store: AuthorityStore;
  /** Every CertificateAuthority of the cluster. */
  readonly authorities: Cache<CertificateAuthority>;
  readonly ledger: Ledger;
  readonly crypto: Crypto;
  readonly newSerial: () => Buffer;
  readonly replica: string;
  readonly log: Logger;
  /** A signer appeared, changed or went away. */
  readonly onChange: (certificateAuthority: string, signer: Signer | undefined) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The signers of this replica: which it holds now, and the reconciler that keeps them so. Every replica has its own. */
export interface Signers {
  readonly find: FindSigner;
  /** Every issuing key in use. */
  issuing(): readonly IssuingKey[];
  /** The key is the name of a CertificateAuthority. */
  reconcile(name: string): Promise<{ readonly requeueAfterMs: number } | undefined>;
}

/** Between two looks at a CertificateAuthority whose issuing certificate is not due. */
const resyncMs = 60_000;

export function createSigners(options: SignersOptions): Signers {
  const { store, ledger, authorities, log } = options;
  /** By name of the CertificateAuthority. */
  const held = new Map<string, { readonly signerNames: readonly string[]; readonly signer: Signer }>();
  const bySignerName = new Map<string, Signer>();

  function publish(): void {
    bySignerName.clear();
    for (const { signerNames, signer } of held.values()) {
      for (const signerName of signerNames) bySignerName.set(signerName, signer);
    }
  }

  function drop(name: string): void {
    if (!held.delete(name)) return;
    publish();
    options.onChange(name, undefined);
  }

  async function reconcile(name: string): Promise<{ readonly requeueAfterMs: number } | undefined> {
    const raw = authorities.get(undefined, name);
    if (raw === undefined) {
      drop(name);
      return undefined;
    }
    let admitted: AdmittedAuthority;
    try {
      admitted = admitAuthority(raw, authorities.list());
    } catch (error) {
      drop(name);
      throw error;
    }
    const generations = await store.observed(admitted.owner);
    const active = activeAuthority(generations);
    if (active === undefined) {
      drop(name);
      return undefined;
    }
    const issuing = await issuingKeyFor(name, admitted, active);
    const authorityKeyIds = new Set([...generations.map(({ id }) => id), keyId(issuing)]);
    const signer: Signer = { profile: leafProfile(admitted.spec), issuing, authorityKeyIds };
    const before = held.get(name)?.signer.issuing;
    held.set(name, { signerNames: admitted.spec.signerNames, signer });
    publish();
    if (before !== issuing) options.onChange(name, signer);
    const dueMs = renewAt(admitted.spec, issuing.certificate) * 1000 - options.now();
    return { requeueAfterMs: Math.min(Math.max(dueMs, 1000), resyncMs) };
  }

  async function issuingKeyFor(
    name: string,
    { owner, spec }: AdmittedAuthority,
    active: Authority,
  ): Promise<IssuingKey> {
    const current = held.get(name)?.signer.issuing;
    const usable = current?.authority === active.id ? current : undefined;
    const now = options.now();
    const seconds = Math.floor(now / 1000);
    if (usable !== undefined && !shouldMint(spec, active.certificate, usable.certificate, seconds))
      return usable;
    const request = {
      trustDomain: owner.trustDomain,
      algorithm: spec.issuing.algorithm,
      serial: options.newSerial(),
      ...issuingValidity(spec, active.certificate, seconds),
      now,
      replica: options.replica,
    };
    try {
      const minted = await mintIssuingKey(request, await store.rootKey(active), {
        crypto: options.crypto,
        ledger,
      });
      log.info(
        {
          certificateAuthority: name,
          authority: active.id,
          serial: request.serial.toString('hex'),
          notAfter: request.notAfter,
        },
        'issuing certificate minted',
      );
      return minted;
    } catch (error) {
      // A renewal that fails early harms nobody yet: the present certificate signs on, and the error is seen.
      if (usable === undefined || usable.certificate.notAfter <= seconds) throw error;
      log.warn(
        { certificateAuthority: name, err: error },
        'issuing certificate not renewed; the present one goes on',
      );
      return usable;
    }
  }

  return {
    reconcile,
    issuing: () => [...held.values()].map(({ signer }) => signer.issuing),
    find(signerName) {
      const signer = bySignerName.get(signerName);
      if (signer !== undefined) return signer;
      const claimed = authorities.list().some(({ spec }) => spec.signerNames.includes(signerName));
      throw claimed
        ? new MangroveError('CA_NOT_READY', `no authority of ${signerName} is active on this replica yet`)
        : new MangroveError('CA_UNKNOWN_SIGNER', `no CertificateAuthority has the signer name ${signerName}`);
    },
  };
}

function keyId({ certificate }: IssuingKey): string {
  return certificate.publicKey.keyId.toString('hex');
}
