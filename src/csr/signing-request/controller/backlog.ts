import type { Logger } from 'pino';
import { awaitsSignature } from '#csr/signing-request/signing-request.ts';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { type Reflector, type ReflectorObserver, startReflector } from '#kube/reflector.ts';
import { certificateSigningRequests } from '#kube/resource.ts';

export interface BacklogOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly observer?: ReflectorObserver;
  /** A request with this name waits, or changed while it waits. */
  readonly onRequest: (name: string) => void;
  /** No request with this name waits any more. */
  readonly onGone: (name: string) => void;
  readonly signal: AbortSignal;
}

/** The requests that await our signature: one watch per signer name, which the API server filters. */
export interface Backlog {
  get(name: string): CertificateSigningRequest | undefined;
  /** How many wait. */
  size(): number;
  names(): readonly string[];
  /** From now on exactly these signer names are watched. */
  follow(signerNames: ReadonlySet<string>): void;
  hasSynced(): boolean;
}

interface Followed {
  readonly cache: Cache<CertificateSigningRequest>;
  readonly reflector: Reflector;
  readonly stop: AbortController;
}

/** The server keeps those that it has when an update brings none (structured-merge-diff): a third less to hold and to send. */
export function withoutManagedFields(request: CertificateSigningRequest): CertificateSigningRequest {
  const { managedFields: _, ...metadata } = request.metadata;
  return { ...request, metadata };
}

export function createBacklog(options: BacklogOptions): Backlog {
  const { client, log, observer, signal } = options;
  const followed = new Map<string, Followed>();

  function get(name: string): CertificateSigningRequest | undefined {
    for (const { cache } of followed.values()) {
      const request = cache.get(undefined, name);
      if (request !== undefined) return request;
    }
    return undefined;
  }

  function start(signerName: string): Followed {
    const cache = new Cache<CertificateSigningRequest>();
    cache.onChange((_previous, _current, name) => {
      // Of all watches: one made again for another signer may be here before the end of the first is.
      if (get(name) === undefined) options.onGone(name);
      else options.onRequest(name);
    });
    const stop = new AbortController();
    const reflector = startReflector<CertificateSigningRequest, never, CertificateSigningRequest>({
      client,
      resource: certificateSigningRequests,
      fieldSelector: `spec.signerName=${signerName}`,
      cache,
      // What was answered, or was never approved, is not kept in memory.
      transform: (request) => (awaitsSignature(request) ? withoutManagedFields(request) : undefined),
      log: log.child({ signerName }),
      ...(observer === undefined ? {} : { observer }),
      signal: AbortSignal.any([signal, stop.signal]),
    });
    reflector.synced.catch((error: unknown) =>
      log.debug({ signerName, err: error }, 'watch ended before its first list'),
    );
    return { cache, reflector, stop };
  }

  return {
    get,
    size: () => [...followed.values()].reduce((sum, { cache }) => sum + cache.size, 0),
    names: () =>
      [...followed.values()].flatMap(({ cache }) => cache.list().map(({ metadata }) => metadata.name)),
    follow(signerNames) {
      for (const [signerName, { cache, stop }] of followed) {
        if (signerNames.has(signerName)) continue;
        stop.abort();
        followed.delete(signerName);
        for (const { metadata } of cache.list()) {
          if (get(metadata.name) === undefined) options.onGone(metadata.name);
        }
      }
      for (const signerName of signerNames) {
        if (!followed.has(signerName)) followed.set(signerName, start(signerName));
      }
    },
    hasSynced: () => [...followed.values()].every(({ reflector }) => reflector.hasSynced()),
  };
}
