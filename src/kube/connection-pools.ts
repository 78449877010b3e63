import { Agent } from 'node:https';
import type { Presented, TlsMaterial } from '#kube/credentials.ts';

/**
 * At most so many ordinary requests are with the server; the rest waits for a connection, first come first served. The more there are, the
 * more each wake-up of the server, of etcd and of ours settles: with 128 a status write costs all three together 6 to 9 % less CPU than
 * with 64.
 */
export const mostRequests = 128;

/** Ordinary requests; those that must not wait behind them; and watches, each of which keeps its connection. */
export type PoolKind = 'requests' | 'urgent' | 'watches';

/** Connections to one server. */
export interface Pools {
  /** Those for what is presented now: with other credentials nothing more goes out on what was opened before. */
  of(presented: Presented): Readonly<Record<PoolKind, Agent>>;
  /** Cuts them all. */
  close(): void;
}

export function createPools(): Pools {
  let current:
    | { readonly fingerprint: string; readonly agents: Readonly<Record<PoolKind, Agent>> }
    | undefined;
  return {
    of({ fingerprint, tls }) {
      if (current?.fingerprint !== fingerprint) {
        if (current !== undefined) for (const agent of Object.values(current.agents)) retire(agent);
        const agents = {
          requests: pool(tls, mostRequests),
          urgent: pool(tls, Infinity),
          watches: pool(tls, Infinity),
        };
        current = { fingerprint, agents };
      }
      return current.agents;
    },
    close() {
      if (current === undefined) return;
      for (const agent of Object.values(current.agents)) agent.destroy();
      current = undefined;
    },
  };
}

/** All connections of a pool are alike, so their name need not say what they are. */
class Pool extends Agent {
  override getName(): string {
    return 'api server';
  }
}

function pool({ proxyUrl, ...tls }: TlsMaterial, maxSockets: number): Agent {
  return new Pool({
    ...tls,
    ...(proxyUrl !== undefined && { proxyEnv: { HTTPS_PROXY: proxyUrl } }),
    // Go servers prefer h2 where it is offered; one connection per stream keeps a slow watch from holding up the rest.
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // SSL_OP_CLEANSE_PLAINTEXT (SSL_CTX_set_options(3)): OpenSSL wipes what it decrypted once it has handed it on.
    secureOptions: 0x2,
    keepAlive: true,
    keepAliveMsecs: 30_000,
    // Below the idle time after which the server or a load balancer closes, or a request would go out on a dying connection.
    timeout: 30_000,
    maxSockets,
  });
}

/** Lets what is under way finish, on connections that nobody will use again. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}
