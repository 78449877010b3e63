import { MangroveError } from '#errors/error.ts';
import { checkSchemas } from '#kube/schema-version.ts';
import type { Base } from '#parts.ts';

/** Whether what this program finds was left by a version that it understands. */
export interface Versions {
  /** Resolves once the schemas were seen to be its own: before that it controls nothing. */
  readonly passed: Promise<void>;
  /** Resolves with the reason why this program must not go on; never without one. */
  readonly refused: Promise<MangroveError>;
  /** What was seen of the schemas. @throws MangroveError with what is missing */
  readonly state: () => string;
}

export function checkVersions({ client, log, ledger, draining: signal }: Base): Versions {
  const schemas = checkSchemas({ client, log, signal });
  const ledgerRefused = Promise.withResolvers<MangroveError>();
  // Any other fault of the ledger may pass, and is readiness' to tell.
  ledger.check().catch((error: unknown) => {
    if (error instanceof MangroveError && error.code === 'LEDGER_VERSION') ledgerRefused.resolve(error);
  });
  return { ...schemas, refused: Promise.race([schemas.refused, ledgerRefused.promise]) };
}
