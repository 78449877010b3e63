import type { Authority } from '#ca/authority/authority.ts';
import { MangroveError } from '#errors/error.ts';

/** A generation as the status of its CertificateAuthority knows it. */
export interface RememberedGeneration {
  readonly generation: number;
  /** SKI in hex. */
  readonly id: string;
  readonly phase: string;
}

/**
 * Holds what is there against what is known to have been there. A lost Secret must not take a root out of a bundle, nor
 * may another key that was put in its place sign: it was never published.
 * @throws MangroveError CA_AUTHORITY_MISSING, CA_AUTHORITY_DAMAGED
 */
export function checkRemembered(
  owner: string,
  authorities: readonly Authority[],
  remembered: readonly RememberedGeneration[],
): void {
  const present = new Map(authorities.map((authority) => [authority.generation, authority]));
  for (const { generation, id, phase } of remembered) {
    if (phase === 'Retired') continue;
    const authority = present.get(generation);
    if (authority === undefined) {
      throw new MangroveError(
        'CA_AUTHORITY_MISSING',
        `the Secret of generation ${generation} of ${owner} is missing`,
      );
    }
    if (authority.id !== id) {
      throw new MangroveError(
        'CA_AUTHORITY_DAMAGED',
        `Secret ${authority.secretName} holds another key (${authority.id.slice(0, 8)}) than generation ${generation} had (${id.slice(0, 8)})`,
      );
    }
  }
}
