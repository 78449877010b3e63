import type { Logger } from 'pino';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { pause } from '#kube/clock.ts';
import { certificateAuthorities, customResourceDefinitions, trustBundles } from '#kube/resource.ts';

/** Of all CustomResourceDefinitions together: raised by the first change to any of them after a release. */
export const schemaVersion = 1;

/** On each CustomResourceDefinition, for the program that reads it. */
export const schemaVersionAnnotation = 'mangrove.dev/schema-version';

const resources = [certificateAuthorities, trustBundles];
const retryMs = 2_000;

export interface SchemaCheckOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface SchemaCheck {
  /** Resolves once the API server was seen to have the schemas of this program; rejects when it has others, or at the end. */
  readonly passed: Promise<void>;
  /** Resolves with the reason why this program must not go on; never without one. */
  readonly refused: Promise<MangroveError>;
  /** What was seen. @throws MangroveError with what is missing */
  readonly state: () => string;
}

/**
 * An older program would take a field that it does not know for one that is not there; with an older schema the API server
 * drops fields without a word. A server that cannot be asked is asked again: it refuses nobody.
 */
export function checkSchemas(options: SchemaCheckOptions): SchemaCheck {
  const refused = Promise.withResolvers<MangroveError>();
  let hindrance: Error | undefined = new MangroveError('KUBE_NOT_SYNCED', 'the CRDs were not read yet');

  async function ask(): Promise<void> {
    while (!options.signal.aborted) {
      try {
        await requireSchemas(options.client);
        hindrance = undefined;
        return;
      } catch (error) {
        hindrance = error instanceof Error ? error : new Error(errorMessage(error));
        if (isRefusal(error)) {
          refused.resolve(error);
          throw error;
        }
        options.log.warn({ code: errorCode(error) }, `the CRDs cannot be read: ${hindrance.message}`);
      }
      await pause(retryMs, options.signal);
    }
    throw hindrance ?? new Error('stopped');
  }
  const passed = ask();
  passed.catch(() => undefined);

  return {
    passed,
    refused: refused.promise,
    state() {
      if (hindrance !== undefined) throw hindrance;
      return `version ${schemaVersion}`;
    },
  };
}

async function requireSchemas(client: KubeClient): Promise<void> {
  for (const { plural, group } of resources) {
    const name = `${plural}.${group}`;
    const { metadata } = await client.get(customResourceDefinitions, name, { metadataOnly: true });
    const written = metadata.annotations?.[schemaVersionAnnotation];
    const version = Number(written ?? 0);
    if (version === schemaVersion) continue;
    const message = `the CRD ${name} has version ${written ?? 'none'}; this program was made for ${schemaVersion}`;
    throw new MangroveError(version < schemaVersion ? 'KUBE_SCHEMA_OLDER' : 'KUBE_SCHEMA_NEWER', message);
  }
}

function isRefusal(error: unknown): error is MangroveError {
  return error instanceof MangroveError && ['KUBE_SCHEMA_OLDER', 'KUBE_SCHEMA_NEWER'].includes(error.code);
}
