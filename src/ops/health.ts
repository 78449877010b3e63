import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';

/** One thing that must hold before this replica may be asked for certificates. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Why not, or what was seen. Shown to whoever can reach the port. */
  readonly message: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly Check[];
}

export interface HealthServerOptions {
  /** Every address when absent: IPv6 where the machine has it, with IPv4 on it. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** May be slow or throw: neither takes liveness along. */
  readonly ready: () => Promise<Readiness>;
  readonly metrics: { scrape(): Promise<{ readonly contentType: string; readonly body: string }> };
  readonly log: Logger;
  /** How long `ready` may take, in milliseconds; default 2000, less than the timeout of the probe. */
  readonly readyTimeoutMs?: number;
}

export interface HealthServer {
  readonly port: number;
  /** From now on /readyz says no, so that no new work is sent here, while everything else goes on. */
  drain(): void;
  /** Resolves when no connection is left; what is idle or slower than two seconds is cut. */
  close(): Promise<void>;
}

/** Bounds for a client that says little, says it slowly or does not listen to the answer. */
const limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};
const idleMs = 15_000;
const maxConnections = 128;
const closeMs = 2_000;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves /livez, /readyz and /metrics over plain HTTP. /livez asks nothing but the event loop: a replica must never be
 * restarted because of the API server, a peer or a rotation.
 * @throws MangroveError HTTP_LISTEN
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { log, host } = options;
  let draining = false;
  const server = createServer(limits, (request, response) => {
    route(request, options, () => draining)
      .catch((error: unknown) => failed(log, error))
      .then((answer) => send(request, response, answer))
      .catch((error: unknown) => {
        log.debug({ err: error }, 'an answer of the health server was not delivered');
        response.destroy();
      });
  });
  server.maxConnections = maxConnections;
  server.setTimeout(idleMs);
  server.on('clientError', (error, socket) => {
    if (socket.writable && !('code' in error && error.code === 'ECONNRESET')) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    } else {
      socket.destroy();
    }
  });
  await listen(server, host, options.port);
  return {
    port: portOf(server),
    drain: () => {
      draining = true;
    },
    close: () => close(server),
  };
}

async function route(
  { method, url }: IncomingMessage,
  { ready, metrics, readyTimeoutMs = 2_000 }: HealthServerOptions,
  draining: () => boolean,
): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'GET and HEAD only');
  switch ((url ?? '').replace(/\?.*$/s, '')) {
    case '/livez':
      return text(200, 'ok');
    case '/readyz':
      return readiness(await ask(ready, readyTimeoutMs), draining());
    case '/metrics':
      return { status: 200, ...(await metrics.scrape()) };
    default:
      return text(404, '/livez, /readyz and /metrics are served here');
  }
}

/** Whatever happens to the question, there is an answer in time. */
async function ask(ready: () => Promise<Readiness>, timeoutMs: number): Promise<Readiness> {
  const { promise: late, resolve } = Promise.withResolvers<Readiness>();
  const timer = setTimeout(() => resolve(unready(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([ready(), late]);
  } catch (error) {
    return unready(errorCode(error) ?? 'unexpected error');
  } finally {
    clearTimeout(timer);
  }
}

function unready(message: string): Readiness {
  return { ready: false, checks: [{ name: 'readiness', ok: false, message }] };
}

function readiness({ ready, checks }: Readiness, draining: boolean): Answer {
  const drain = draining ? [{ name: 'drain', ok: false, message: 'this replica is shutting down' }] : [];
  const report: Readiness = { ready: ready && !draining, checks: [...checks, ...drain] };
  return {
    status: report.ready ? 200 : 503,
    contentType: 'application/json',
    body: `${JSON.stringify(report, undefined, 2)}\n`,
  };
}

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function failed(log: Logger, error: unknown): Answer {
  log.warn({ err: error, code: errorCode(error) }, 'the health server could not answer');
  return text(500, 'internal error');
}

async function send(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body }: Answer,
): Promise<void> {
  if (response.destroyed) return;
  const finished = Promise.withResolvers<void>();
  response.on('close', finished.resolve).on('error', finished.reject);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(method === 'HEAD' ? undefined : body);
  await finished.promise;
}

async function listen(server: Server, host: string | undefined, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new MangroveError(
      'HTTP_LISTEN',
      `cannot listen on ${host ?? 'any address'}, port ${port}: ${errorMessage(cause)}`,
      {
        cause,
      },
    );
  } finally {
    server.off('error', reject);
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server has no TCP address');
  return address.port;
}

async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  const cut = setTimeout(() => server.closeAllConnections(), closeMs);
  await closed.promise;
  clearTimeout(cut);
}
