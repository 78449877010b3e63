import { MangroveError } from '#errors/error.ts';
import { checkSchemas, type SchemaCheck } from '#kube/schema-version.ts';
import type { Base } from '#parts.ts';

/** Whether what this program finds, the ledger included, was left by a version that it understands. */
export function checkVersions({ client, log, ledger, draining: signal }: Base): SchemaCheck {
  const schemas = checkSchemas({ client, log, signal });
  const ledgerRefused = Promise.withResolvers<MangroveError>();
  // Any other fault of the ledger may pass, and is readiness' to tell.
  ledger.check().catch((error: unknown) => {
    if (error instanceof MangroveError && error.code === 'LEDGER_VERSION') ledgerRefused.resolve(error);
  });
  return { ...schemas, refused: Promise.race([schemas.refused, ledgerRefused.promise]) };
}
