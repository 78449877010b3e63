import type { IssuingKey } from '#ca/issuance/issuing-certificate.ts';
import type { LeafProfile } from '#ca/issuance/profile.ts';

/** What one signer name signs with at this moment. A value: the next renewal makes another one. */
export interface Signer {
  readonly profile: LeafProfile;
  readonly issuing: IssuingKey;
  /** Key ids (SKI in hex) of every authority and issuing key that this replica knows of: no leaf may have such a key. */
  readonly authorityKeyIds: Pick<ReadonlySet<string>, 'has'>;
}

/**
 * The signer of a signer name, now.
 * @throws MangroveError CA_UNKNOWN_SIGNER, CA_NOT_READY, both retryable.
 */
export type FindSigner = (signerName: string) => Signer;
