import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** An object as the API server showed it, as far as the checks read it. */
export interface Seen {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly signerName?: string;
    readonly trustDomain?: string;
    readonly trustBundle?: string;
    readonly request?: string;
    readonly promoted?: string;
  };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly certificate?: string;
    readonly authorities?: readonly { readonly phase: string }[];
    readonly publishedSignerNames?: readonly string[];
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

export interface Version {
  /** Of etcd: comparable among all kinds, for there is one etcd. */
  readonly revision: number;
  readonly deleted: boolean;
  readonly object: Seen;
}

const paths = {
  secrets: '/api/v1/secrets',
  clusterTrustBundles: '/apis/certificates.k8s.io/v1/clustertrustbundles',
  requests: '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  authorities: '/apis/mangrove.dev/v1alpha1/certificateauthorities',
  trustBundles: '/apis/mangrove.dev/v1alpha1/trustbundles',
  configMaps: '/api/v1/configmaps',
} as const;

/** On the ConfigMaps that are watched: other tests of the same server fill thousands. */
export const watchedLabel = 'crash-campaign';

export type Kind = keyof typeof paths;
const kinds = [
  'secrets',
  'clusterTrustBundles',
  'requests',
  'authorities',
  'trustBundles',
  'configMaps',
] as const;

/**
 * Somebody who watches from outside, from the beginning, and forgets no version of anything. It shares no code with the
 * product: a watch that loses events must not vouch for itself.
 */
export interface Watcher {
  /** Every version seen, in the order of the revisions. */
  history(kind: Kind): readonly Version[];
  /** Resolves once everything that stands now was seen. */
  caughtUp(): Promise<void>;
  stop(): void;
}

export interface Watched {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly adminToken: string;
}

interface List {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Seen[];
}

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Seen;
}

function selectionOf(kind: Kind): string {
  return kind === 'configMaps' ? `labelSelector=${watchedLabel}` : '';
}

export async function watchEverything({
  server,
  certificateAuthority,
  adminToken,
}: Watched): Promise<Watcher> {
  const agent = new Agent({ ca: certificateAuthority, keepAlive: true });
  const headers = { authorization: `Bearer ${adminToken}`, accept: 'application/json' };
  const histories = new Map<Kind, Version[]>(kinds.map((kind) => [kind, []]));
  const stop = new AbortController();
  let fault: unknown;

  function send(path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request(`${server}${path}`, { agent, headers }, resolve).on('error', reject).end();
    });
  }

  /** A kind that was defined a moment ago is answered with 429 until its storage is there. */
  async function get(path: string): Promise<IncomingMessage> {
    for (let left = 30; ; left -= 1) {
      const answer = await send(path);
      if (answer.statusCode === 200) return answer;
      answer.resume();
      if (answer.statusCode !== 429 || left === 0) throw new Error(`GET ${path}: ${answer.statusCode}`);
      await sleep(1_000);
    }
  }

  async function list(kind: Kind): Promise<List> {
    const chunks: Buffer[] = [];
    for await (const chunk of (await get(`${paths[kind]}?${selectionOf(kind)}`)) as AsyncIterable<Buffer>)
      chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as List;
  }

  async function follow(kind: Kind, from: string): Promise<void> {
    let revision = from;
    while (!stop.signal.aborted) {
      const query = `${selectionOf(kind)}&watch=true&allowWatchBookmarks=true&resourceVersion=${revision}`;
      for await (const line of createInterface({ input: await get(`${paths[kind]}?${query}`) })) {
        const { type, object } = JSON.parse(line) as Event;
        if (type === 'ERROR') throw new Error(`the watch of ${kind} failed: ${line}`);
        revision = object.metadata.resourceVersion;
        if (type !== 'BOOKMARK') note(kind, type === 'DELETED', object);
      }
    }
  }

  function note(kind: Kind, deleted: boolean, object: Seen): void {
    histories.get(kind)?.push({ revision: Number(object.metadata.resourceVersion), deleted, object });
  }

  function history(kind: Kind): readonly Version[] {
    return histories.get(kind) ?? [];
  }

  for (const kind of kinds) {
    const { metadata, items } = await list(kind);
    for (const item of items) note(kind, false, item);
    follow(kind, metadata.resourceVersion).catch((error: unknown) => {
      if (!stop.signal.aborted) fault = error;
    });
  }

  return {
    history,
    async caughtUp() {
      for (const kind of kinds) {
        const { items } = await list(kind);
        const missing = (): boolean => {
          const seen = new Set(history(kind).map(({ revision }) => revision));
          return items.some(({ metadata }) => !seen.has(Number(metadata.resourceVersion)));
        };
        for (let left = 600; missing(); left -= 1) {
          if (fault !== undefined) throw fault;
          if (left === 0) throw new Error(`the watch of ${kind} fell behind`);
          await sleep(50);
        }
      }
    },
    stop() {
      stop.abort();
      agent.destroy();
    },
  };
}
