import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { errorMessage } from '#errors/error.ts';
import { createPools, type PoolKind } from '#kube/connection-pools.ts';
import type { Credentials, Presented } from '#kube/credentials.ts';
import { KubeError } from '#kube/error.ts';

export interface Exchange {
  readonly method: string;
  /** Path and query below the server's address, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other, and not copied together by us; the TLS layer may. */
  readonly body?: readonly Buffer[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the answer is complete (`send`) or its headers are there (`open`). */
  readonly timeoutMs: number;
  /** There is a secret in the answer: what it passes through on its way is wiped. */
  readonly sealed?: boolean | undefined;
  /** Not behind ordinary requests, however many wait for a connection. */
  readonly urgent?: boolean | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Each header line by itself, for those that may come several times. */
  readonly distinct: NodeJS.Dict<string[]>;
  readonly body: Buffer;
}

/**
 * Bytes to and from one API server. Throws KubeError KUBE_UNAVAILABLE or KUBE_TIMEOUT when no (complete) answer came, but
 * KUBE_OUTCOME_UNKNOWN once any of a write may have reached the server, KUBE_RESPONSE_INVALID for an answer over the limit, or the
 * reason of the signal.
 */
export interface Transport {
  send(exchange: Exchange, maxBytes: number): Promise<Answer>;
  /** The answer as a stream, on a connection that no ordinary request waits for. */
  open(exchange: Exchange): Promise<IncomingMessage>;
  close(): void;
}

export function createTransport(credentials: Credentials): Transport {
  const pools = createPools();

  async function start(exchange: Exchange, kind: PoolKind): Promise<Started> {
    const presented = await credentials.present();
    exchange.signal?.throwIfAborted();
    try {
      return begin(presented, pools.of(presented)[kind], exchange);
    } catch (error) {
      // A key and a certificate that do not belong together, read in the middle of a rotation, are refused right here.
      throw unanswered('KUBE_UNAVAILABLE', exchange, errorMessage(error), error);
    }
  }

  return {
    async send(exchange, maxBytes) {
      const started = await start(exchange, exchange.urgent === true ? 'urgent' : 'requests');
      try {
        const response = await started.response;
        const body = await collect(response, maxBytes, exchange.sealed);
        return {
          status: response.statusCode ?? 0,
          headers: response.headers,
          distinct: response.headersDistinct,
          body,
        };
      } catch (error) {
        throw started.explain(error);
      } finally {
        started.settle();
      }
    },
    async open(exchange) {
      const started = await start(exchange, 'watches');
      try {
        return await started.response;
      } catch (error) {
        throw started.explain(error);
      } finally {
        started.settle();
      }
    },
    close: () => pools.close(),
  };
}

interface Started {
  readonly response: Promise<IncomingMessage>;
  /** What really ended it: a destroyed request reports a bare reset. */
  explain(error: unknown): unknown;
  /** The deadline and the signal end here. */
  settle(): void;
}

function begin(presented: Presented, agent: Agent, exchange: Exchange): Started {
  const { method, signal, timeoutMs, body } = exchange;
  const { server } = presented;
  let ended: unknown;

  const options: RequestOptions = {
    agent,
    method,
    protocol: server.protocol,
    host: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port === '' ? 443 : server.port,
    path: server.pathname.replace(/\/$/, '') + exchange.path,
    headers: {
      ...presented.headers,
      ...exchange.headers,
      ...(body !== undefined && { 'content-length': body.reduce((sum, { length }) => sum + length, 0) }),
    },
  };
  const request = httpsRequest(options);
  const end = (reason: unknown): void => {
    ended ??= reason;
    request.destroy();
  };
  const leftUs = watchDeparture(request);
  if (exchange.sealed === true) wipeReceived(request);
  const fail = (code: 'KUBE_TIMEOUT' | 'KUBE_UNAVAILABLE', message: string, cause?: unknown): KubeError =>
    unanswered(method !== 'GET' && leftUs() ? 'KUBE_OUTCOME_UNKNOWN' : code, exchange, message, cause);
  const deadline = setTimeout(() => {
    end(fail('KUBE_TIMEOUT', `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const abort = (): void => end(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });

  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    // Stays for the whole life of the request: an error event that nobody hears would end the process.
    request.on('error', reject);
    for (const piece of body ?? []) request.write(piece);
    request.end();
  });

  return {
    response,
    explain(error) {
      if (ended !== undefined) return ended;
      if (error instanceof KubeError) return error;
      return fail('KUBE_UNAVAILABLE', errorMessage(error), error);
    },
    settle() {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', abort);
    },
  };
}

/**
 * Whether the server may have any of the request: nothing is written before the handshake is done, so a connection that was
 * refused, or a server that was not whom we expected, proves that it has not.
 */
function watchDeparture(request: ClientRequest): () => boolean {
  let left = false;
  request.once('socket', (socket: Socket & { readonly secureConnecting?: boolean }) => {
    if (request.reusedSocket || socket.secureConnecting !== true) left = true;
    else {
      socket.once('secureConnect', () => {
        left = true;
      });
    }
  });
  return () => left;
}

/** The parser copies what the socket decrypted, and has done so when a listener that came after its own is called. */
function wipeReceived(request: ClientRequest): void {
  request.once('socket', (socket) => {
    const wipe = (data: Buffer): void => void data.fill(0);
    socket.on('data', wipe);
    request.once('close', () => socket.off('data', wipe));
  });
}

function unanswered(
  code: 'KUBE_TIMEOUT' | 'KUBE_UNAVAILABLE' | 'KUBE_OUTCOME_UNKNOWN',
  { method, path }: Exchange,
  message: string,
  cause: unknown,
): KubeError {
  return new KubeError(code, `${method} ${path}: ${message}`, { cause });
}

/** The whole body, at most `maxBytes`; `sealed` wipes the pieces that it came in. */
export async function collect(response: IncomingMessage, maxBytes: number, sealed = false): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new KubeError('KUBE_RESPONSE_INVALID', `the answer is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks, size);
  if (sealed) for (const chunk of chunks) chunk.fill(0);
  return body;
}
