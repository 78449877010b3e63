import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { errorCode, errorMessage, errorRow } from '#errors/error.ts';
import { backoffDelay } from '#kube/backoff.ts';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, pause, systemClock } from '#kube/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#kube/error.ts';
import { formatTime } from '#kube/micro-time.ts';
import type { AnyObject, Event } from '#kube/object.ts';
import { events } from '#kube/resource.ts';

export interface Occurrence {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  readonly message: string;
}

export interface EventRecorder {
  /** `regarding` needs kind, apiVersion, name and uid. Returns at once and never throws; too many are dropped and counted. */
  record(regarding: AnyObject, occurrence: Occurrence): void;
  /** When what was recorded so far was sent or given up. */
  flushed(): Promise<void>;
}

export interface EventObserver {
  sent?(reason: string): void;
  /** `why` is `full` or an error code. */
  dropped?(reason: string, why: string): void;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** The program, in `source` and `reportingComponent`; default `mangrove`. */
  readonly component?: string;
  /** The replica. */
  readonly instance: string;
  readonly log: Logger;
  readonly observer?: EventObserver;
  /** Aborted: nothing more is recorded or sent. */
  readonly signal: AbortSignal;
  /** Events waiting to be sent, and series remembered; default 1000. */
  readonly limit?: number;
  /** A repeat within this time is counted, and sent with those that follow; default 10 s. */
  readonly repeatMs?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** One thing said of one object, however often. */
interface Series {
  readonly regarding: AnyObject;
  readonly occurrence: Occurrence;
  readonly firstMs: number;
  lastMs: number;
  count: number;
  /** As the API server has it. */
  event: Event | undefined;
  /** Of the event, from before it is made: a create whose answer was lost is found by it. */
  name: string | undefined;
  /** Monotonic ms before which it is not sent again. */
  notBefore: number;
}

/** Of events.k8s.io/v1; core/v1 takes more, but kubectl and logs should not. */
const maxMessageLength = 1_024;
const tries = 3;

/** Events as kubectl describe shows them. They are a courtesy: nothing waits for them and nothing fails with them. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, log, signal, observer = {}, clock = systemClock, random = Math.random } = options;
  const { component = 'mangrove', limit = 1_000, repeatMs = 10_000 } = options;
  /** The least recently recorded first. */
  const series = new Map<string, Series>();
  const waiting = new Set<Series>();
  let running: Promise<void> | undefined;
  /** Ends the sleep of `run`: something else may be due sooner. */
  let wake: AbortController | undefined;

  function record(regarding: AnyObject, occurrence: Occurrence): void {
    if (signal.aborted) return;
    const key = seriesKey(regarding, occurrence);
    const known = series.get(key);
    if (known === undefined && waiting.size >= limit) {
      observer.dropped?.(occurrence.reason, 'full');
      return;
    }
    const now = wallMs();
    const one = known ?? newSeries(regarding, occurrence, now);
    one.count++;
    one.lastMs = now;
    series.delete(key);
    series.set(key, one);
    forgetOldest();
    waiting.add(one);
    wake?.abort();
    running ??= run().catch((error: unknown) => {
      log.error({ error: errorMessage(error) }, 'the event recorder failed');
    });
  }

  /** The API server's time, as everywhere in what we write, once it has told us. */
  function wallMs(): number {
    const seconds = client.serverTime();
    return seconds === undefined ? clock.wall() : seconds * 1_000;
  }

  function forgetOldest(): void {
    for (const [key, one] of series) {
      if (series.size <= limit) return;
      if (!waiting.has(one)) series.delete(key);
    }
  }

  async function run(): Promise<void> {
    try {
      await sendAll();
    } finally {
      // In the same turn in which the last one was sent, or one recorded just then would wait for the next.
      running = undefined;
    }
  }

  async function sendAll(): Promise<void> {
    while (waiting.size > 0 && !signal.aborted) {
      const now = clock.monotonic();
      const due = Array.from(waiting).find(({ notBefore }) => notBefore <= now);
      if (due !== undefined) {
        waiting.delete(due);
        await send(due);
      } else {
        const soonest = Math.min(...Array.from(waiting, ({ notBefore }) => notBefore));
        wake = new AbortController();
        await pause(soonest - now, AbortSignal.any([signal, wake.signal]));
      }
    }
  }

  async function send(one: Series): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        await write(one);
        one.notBefore = clock.monotonic() + repeatMs;
        observer.sent?.(one.occurrence.reason);
        return;
      } catch (error) {
        if (signal.aborted) return;
        // Expired (events live for an hour) or touched by somebody: begin a new one.
        if (isNotFound(error) || isConflict(error)) {
          one.event = undefined;
          one.name = undefined;
        }
        if (tried >= tries || !errorRow(error).retryable) {
          giveUp(one, error);
          return;
        }
        await pause(backoffDelay(tried, { baseMs: 200, maxMs: 2_000 }, random), signal);
      }
    }
  }

  function giveUp(one: Series, error: unknown): void {
    const code = errorCode(error) ?? 'INTERNAL';
    one.notBefore = clock.monotonic() + repeatMs;
    observer.dropped?.(one.occurrence.reason, code);
    log.debug(
      { code, reason: one.occurrence.reason, error: errorMessage(error) },
      'an event was not written',
    );
  }

  async function write(one: Series): Promise<void> {
    one.event = await (one.event === undefined ? create(one) : count(one.event, one));
  }

  async function create(one: Series): Promise<Event> {
    one.name ??= eventName(one.regarding.metadata.name, random);
    const event = newEvent(one, one.name);
    try {
      return await client.create(events, event, { signal });
    } catch (error) {
      // Ours, and only its answer was lost: such a name is nobody else's.
      if (!isAlreadyExists(error)) throw error;
      const { name, namespace } = event.metadata;
      return count(await client.get<Event>(events, name, { namespace, signal }), one);
    }
  }

  function count({ metadata }: Event, one: Series): Promise<Event> {
    const { name, namespace, resourceVersion } = metadata;
    const patch = { metadata: { resourceVersion }, count: one.count, lastTimestamp: formatTime(one.lastMs) };
    return client.patch<Event>(events, { name, namespace }, patch, { signal });
  }

  function newEvent({ regarding, occurrence, count, firstMs, lastMs }: Series, eventName: string): Event {
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    return {
      metadata: { name: eventName, namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion: regarding.apiVersion ?? '',
        kind: regarding.kind ?? '',
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      type: occurrence.type,
      reason: occurrence.reason,
      message: occurrence.message,
      count,
      firstTimestamp: formatTime(firstMs),
      lastTimestamp: formatTime(lastMs),
      source: { component },
      reportingComponent: component,
      reportingInstance: options.instance,
    };
  }

  return { record, flushed: () => running ?? Promise.resolve() };
}

function newSeries(regarding: AnyObject, occurrence: Occurrence, now: number): Series {
  const message = occurrence.message.slice(0, maxMessageLength);
  return {
    regarding,
    occurrence: { ...occurrence, message },
    firstMs: now,
    lastMs: now,
    count: 0,
    event: undefined,
    name: undefined,
    notBefore: 0,
  };
}

function seriesKey({ kind, metadata }: AnyObject, { type, reason, message }: Occurrence): string {
  const { namespace, name, uid } = metadata;
  return createHash('sha256')
    .update(JSON.stringify([kind, namespace, name, uid, type, reason, message]))
    .digest('hex');
}

/** A DNS-1123 subdomain from a name that need not be one: that of a ClusterTrustBundle has colons. */
function eventName(name: string, random: () => number): string {
  const readable = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .slice(0, 200);
  const trimmed = readable.replaceAll(/(^[.-]+)|([.-]+$)|\.(?=[.-])|-(?=\.)/g, '');
  const unique = Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
  return `${trimmed === '' ? 'object' : trimmed}.${unique}`;
}
