import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { errorCode } from '#errors/error.ts';
import { backoffDelay, spread } from '#kube/backoff.ts';
import { type Clock, pause } from '#kube/clock.ts';
import type { Credentials } from '#kube/credentials.ts';
import { answerError, KubeError, type Question } from '#kube/error.ts';
import { collect, type Exchange, type Transport } from '#kube/transport.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Encoded path; the query goes beside it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly accept?: string;
  /** Becomes JSON; a Buffer is that already, and so are several, one after the other. */
  readonly body?: unknown;
  /** Of `body`; default application/json. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Default: the client's. */
  readonly timeoutMs?: number;
  /** Of the answer; default 3 MiB, the limit of the API server for one object. */
  readonly maxBytes?: number;
  /** There is a secret in it (sealed.ts): the answer is given as a Buffer, and no other copy of it stays. */
  readonly sealed?: boolean;
  /** See CallOptions. */
  readonly urgent?: boolean;
}

export interface KubeResponse<T> {
  readonly status: number;
  readonly body: T;
  /** The answer's Date header, seconds since the epoch. */
  readonly serverTime: number | undefined;
}

/** Told of every attempt. */
export interface RequestObserver {
  /** `outcome` is the HTTP status, or an error code when no answer came. */
  attempted?(method: string, outcome: number | string, durationMs: number): void;
  /** The server asked us to slow down, or a read is tried again. */
  delayed?(method: string, delayMs: number): void;
  /** A write may or may not have been made. */
  outcomeUnknown?(method: string): void;
}

export interface RequesterOptions {
  readonly transport: Transport;
  readonly credentials: Credentials;
  readonly userAgent: string;
  readonly timeoutMs: number;
  /** The longest wait that the server may ask for before the error goes to the caller instead. */
  readonly maxRetryAfterMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly observer: RequestObserver;
}

/** One request under the policy for retries. Throws KubeError or the reason of the signal. */
export interface Requester {
  request<T>(call: KubeRequest): Promise<KubeResponse<T>>;
  /** A 2xx answer as a stream; never repeated. */
  open(call: KubeRequest): Promise<IncomingMessage>;
  /**
   * The API server's clock: the Date header of the last answer and the time since, whole seconds since the epoch. Never
   * ahead of the server, for the header is rounded down and was written before it came here.
   */
  serverTime(): number | undefined;
}

const defaultMaxBytes = 3 * 1024 * 1024;
const maxWarnings = 256;
const attempts = 4;
const busyLogMs = 30_000;
const readBackoff = { baseMs: 100, maxMs: 1_000 };

export function createRequester(options: RequesterOptions): Requester {
  const { transport, credentials, clock, random, log, observer, maxRetryAfterMs } = options;
  const warned = new Set<string>();
  /** Until then nothing more is said about a busy server: it would be one line for each request. */
  let quietUntil = 0;
  let lastDate: { readonly seconds: number; readonly at: number } | undefined;

  function exchangeOf(call: KubeRequest): Exchange {
    return {
      method: call.method,
      path: call.path + queryString(call.query),
      headers: {
        accept: call.accept ?? 'application/json',
        'user-agent': options.userAgent,
        ...(call.body !== undefined && { 'content-type': call.contentType ?? 'application/json' }),
      },
      body: piecesOf(call.body),
      sealed: call.sealed,
      urgent: call.urgent,
      signal: call.signal,
      timeoutMs: call.timeoutMs ?? options.timeoutMs,
    };
  }

  function noteDate(date: string | undefined): number | undefined {
    const serverTime = parseHttpDate(date);
    if (serverTime !== undefined) lastDate = { seconds: serverTime, at: clock.monotonic() };
    return serverTime;
  }

  function noteWarnings(lines: readonly string[] | undefined): void {
    for (const line of lines ?? []) {
      const text = warningText(line);
      if (text === undefined || warned.has(text) || warned.size >= maxWarnings) continue;
      warned.add(text);
      log.warn({ warning: text }, 'the API server warns');
    }
  }

  /** What an operator, or the next request, should know of a failure. */
  function note(call: KubeRequest, error: KubeError): void {
    if (distrusts(error)) credentials.invalidate();
    const { code, retryAfterMs } = error;
    const about = { code, method: call.method, path: call.path };
    if (code === 'KUBE_OUTCOME_UNKNOWN') {
      observer.outcomeUnknown?.(call.method);
      log.warn({ ...about, error: error.message }, 'a write may or may not have been made');
    }
    if (code === 'KUBE_TOO_MANY_REQUESTS' && clock.monotonic() >= quietUntil) {
      quietUntil = clock.monotonic() + busyLogMs;
      log.warn({ ...about, retryAfterMs }, 'the API server asks us to slow down');
    }
  }

  async function attempt<T>(call: KubeRequest, exchange: Exchange): Promise<KubeResponse<T>> {
    const began = clock.monotonic();
    let outcome: number | string = 'KUBE_UNAVAILABLE';
    try {
      const answer = await transport.send(exchange, call.maxBytes ?? defaultMaxBytes);
      outcome = answer.status;
      const serverTime = noteDate(answer.headers.date);
      noteWarnings(answer.distinct['warning']);
      const question = questionOf(exchange);
      if (answer.status < 200 || answer.status > 299) {
        const asked = retryAfter(answer.headers['retry-after']);
        throw answerError(question, answer.status, parseBody(answer.body), asked);
      }
      const body = call.sealed === true ? answer.body : parseJson(question.what, answer.body);
      return { status: answer.status, body: body as T, serverTime };
    } catch (error) {
      if (typeof outcome === 'string') outcome = errorCode(error) ?? 'ABORTED';
      throw error;
    } finally {
      observer.attempted?.(call.method, outcome, clock.monotonic() - began);
    }
  }

  return {
    async request<T>(call: KubeRequest) {
      const exchange = exchangeOf(call);
      for (let tried = 1; ; tried++) {
        try {
          return await attempt<T>(call, exchange);
        } catch (error) {
          if (!(error instanceof KubeError)) throw error;
          note(call, error);
          const delayMs = retryDelay(call.method, error, tried, random);
          if (delayMs === undefined || tried >= attempts || (error.retryAfterMs ?? 0) > maxRetryAfterMs)
            throw error;
          observer.delayed?.(call.method, delayMs);
          await pause(delayMs, call.signal);
        }
      }
    },
    async open(call) {
      const exchange = exchangeOf(call);
      try {
        const response = await transport.open(exchange);
        const status = response.statusCode ?? 0;
        noteDate(response.headers.date);
        noteWarnings(response.headersDistinct['warning']);
        if (status >= 200 && status <= 299) return response;
        const body = parseBody(await collect(response, defaultMaxBytes));
        throw answerError(questionOf(exchange), status, body, retryAfter(response.headers['retry-after']));
      } catch (error) {
        if (error instanceof KubeError) note(call, error);
        throw error;
      }
    },
    serverTime() {
      if (lastDate === undefined) return undefined;
      return Math.floor(lastDate.seconds + (clock.monotonic() - lastDate.at) / 1_000);
    },
  };
}

function questionOf({ method, path }: Exchange): Question {
  return { what: `${method} ${path}`, write: method !== 'GET' };
}

/**
 * Milliseconds until the next try, or undefined for none. 401 and 429 say that nothing was done, so any method may be repeated. A 5xx
 * or a lost answer says nothing about it: only reads are repeated, for a second PUT could undo somebody else's change in between.
 */
function retryDelay(
  method: KubeRequest['method'],
  error: KubeError,
  tried: number,
  random: () => number,
): number | undefined {
  const { code, retryAfterMs } = error;
  // Once, at once: the token on disk may be newer than the one that we hold.
  if (code === 'KUBE_UNAUTHORIZED') return tried === 1 ? 0 : undefined;
  // Longer each time: priority and fairness always names one second, however many of us it turned away.
  if (code === 'KUBE_TOO_MANY_REQUESTS') return spread((retryAfterMs ?? 1_000) * 2 ** (tried - 1), random);
  if (code === 'KUBE_UNAVAILABLE' && method === 'GET')
    return retryAfterMs === undefined
      ? backoffDelay(tried, readBackoff, random)
      : spread(retryAfterMs, random);
  return undefined;
}

/** Who we are, or whom we trust, may have changed on disk. */
function distrusts(error: KubeError): boolean {
  if (error.code === 'KUBE_UNAUTHORIZED') return true;
  const { cause } = error;
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return false;
  return /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(cause.code);
}

function queryString(query: KubeRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, value);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function piecesOf(body: unknown): readonly Buffer[] | undefined {
  if (body === undefined) return undefined;
  if (body instanceof Buffer) return [body];
  return isPieces(body) ? body : [Buffer.from(JSON.stringify(body))];
}

function isPieces(body: unknown): body is readonly Buffer[] {
  return Array.isArray(body) && body.length > 0 && body.every((piece) => piece instanceof Buffer);
}

function parseJson(what: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's message quotes the text, which may be a Secret.
    throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: the answer (${body.length} bytes) is not JSON`);
  }
}

/** JSON, or the text as it is: error pages and `404 page not found` are no JSON. */
function parseBody(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** RFC 9110 §5.6.7, in the one form that servers send: `Sun, 06 Nov 1994 08:49:37 GMT`. */
function parseHttpDate(date: string | undefined): number | undefined {
  if (date === undefined || !/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(date)) return undefined;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : ms / 1_000;
}

/** The API server sends whole seconds, never a date. */
function retryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

/** `299 - "text"` (KEP-1693), with \" and \\ inside the text. */
function warningText(line: string): string | undefined {
  const quoted = /^\d{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
  return quoted?.replaceAll(/\\(.)/g, '$1');
}
