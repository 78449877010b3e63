import type { KeyObject } from 'node:crypto';
import type { Authority } from '#ca/authority/authority.ts';
import type { NewRoot } from '#ca/authority/root.ts';
import type { AuthorityChange } from '#ca/authority/secret.ts';
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

  /**
   * Every authority, by a consistent read of the API server: for decisions, and to confirm that a replica may sign. The
   * list has metadata only; data is read of what was not seen before. @throws as `observed`
   */
  read(owner: AuthorityOwner): Promise<readonly Authority[]>;

  /**
   * Creates a generation. The API object is the lock: of several callers one creates, and all get "done" for an answer
   * and find the same authority in the next `read`.
   */
  create(owner: AuthorityOwner, generation: number, root: NewRoot, createdAt: number): Promise<void>;

  /**
   * One update, if nobody changed the Secret since `authority` was read.
   * @throws MangroveError KUBE_CONFLICT when somebody did.
   */
  write(authority: Authority, change: AuthorityChange): Promise<void>;

  /** Reads the private key of an authority, to be kept no longer than one signature takes. */
  rootKey(authority: Authority): Promise<KeyObject>;

  /** The API server's clock: seconds since the epoch, from its newest answer. */
  serverTime(): number;
}
