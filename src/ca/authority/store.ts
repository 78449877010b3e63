import type { Authority } from '#ca/authority/authority.ts';
import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { NewRoot } from '#ca/authority/root.ts';
import type { RootKey } from '#ca/issuance/issuing-certificate.ts';
import type { TrustDomain } from '#x509/spiffe-id.ts';

/** The CertificateAuthority whose generations are meant. */
export interface AuthorityOwner {
  readonly name: string;
  readonly trustDomain: TrustDomain;
}

/** Where authorities live: one Secret per generation. All of it is safe with two callers at once. */
export interface AuthorityStore {
  /**
   * Every authority, by the watch. No request, but for certificates that were not seen before.
   * @throws MangroveError CA_AUTHORITY_DAMAGED, CA_AUTHORITY_FOREIGN, KUBE_*
   */
  observed(owner: AuthorityOwner): Promise<readonly Authority[]>;

  /** The same from memory alone; undefined while a Secret that the watch shows was not read yet, or cannot be. */
  remembered(owner: AuthorityOwner): readonly Authority[] | undefined;

  /** Every authority, by a consistent read of the API server. For decisions. @throws as `observed` */
  read(owner: AuthorityOwner): Promise<readonly Authority[]>;

  /**
   * Creates a generation. The API object is the lock: of several callers one creates, and all get "done" for an answer
   * and find the same authority in the next `read`. Zeroes the key of `root`.
   */
  create(owner: AuthorityOwner, generation: number, root: NewRoot, createdAt: number): Promise<void>;

  /**
   * Writes one timestamp, if nobody changed the Secret since `authority` was read.
   * @throws MangroveError KUBE_CONFLICT when somebody did.
   */
  stamp(authority: Authority, kind: keyof AuthorityTimestamps, seconds: number): Promise<void>;

  /** Reads the private key of an authority, to be kept no longer than one signature takes. */
  rootKey(authority: Authority): Promise<RootKey>;

  /** The API server's clock: seconds since the epoch, from its newest answer. */
  serverTime(): number;
}
