import type { Instruments } from '#ops/metrics/instrument.ts';

/** What the REST client reports of each attempt. */
export interface RequestMetrics {
  /** `outcome` is the HTTP status, or an error code when no answer came. */
  attempted(method: string, outcome: number | string, durationMs: number): void;
  /** The server asked us to slow down, or a read is tried again. */
  delayed(method: string, delayMs: number): void;
}

/** What one reflector reports. */
export interface ReflectorMetrics {
  state(state: string): void;
  listed(objects: number): void;
  event(type: string): void;
  failed(code: string): void;
  rejected(): void;
  /** Milliseconds since the server was last heard of, asked at each scrape. */
  lag(read: () => number): void;
}

/** What the event recorder reports. */
export interface EventMetrics {
  sent(): void;
  dropped(reason: string, why: string): void;
}

/** What the heartbeat of this replica reports. */
export interface HeartbeatMetrics {
  beat(): void;
  failed(code: string): void;
}

export interface KubeMetrics {
  readonly requests: RequestMetrics;
  /** `resource` is the plural. */
  reflector(resource: string): ReflectorMetrics;
  readonly events: EventMetrics;
  readonly heartbeat: HeartbeatMetrics;
  /** This replica took or lost the lease. */
  leading(leader: boolean): void;
  /** Local clock minus the API server's Date, asked at each scrape; undefined before the first answer. */
  clockSkew(readSeconds: () => number | undefined): void;
}

export function kubeMetrics(instruments: Instruments): KubeMetrics {
  const leader = instruments.gauge('leader', '1 while this replica holds the lease, 0 otherwise.');
  leader.set(0);
  let readSkew: () => number | undefined = () => undefined;
  instruments.gauge(
    'clock_skew_seconds',
    'Seconds that the local clock is ahead of the API server; negative when behind.',
    [],
    (gauge) => {
      const skew = readSkew();
      if (skew !== undefined) gauge.set(skew);
    },
  );
  return {
    requests: requestMetrics(instruments),
    reflector: reflectorMetrics(instruments),
    events: eventMetrics(instruments),
    heartbeat: heartbeatMetrics(instruments),
    leading: (leads) => leader.set(leads ? 1 : 0),
    clockSkew: (read) => {
      readSkew = read;
    },
  };
}

function requestMetrics(instruments: Instruments): RequestMetrics {
  const requests = instruments.counter(
    'kube_requests_total',
    'Requests to the API server, retries included, by HTTP method and status; an error code when no answer came.',
    ['verb', 'code'],
  );
  const seconds = instruments.histogram(
    'kube_request_seconds',
    'Seconds of one request to the API server, by HTTP method. Watches are not among them.',
    ['verb'],
  );
  const delays = instruments.counter(
    'kube_delay_seconds_total',
    'Seconds spent waiting because the API server asked for it or a read failed, by HTTP method.',
    ['verb'],
  );
  return {
    attempted(verb, code, durationMs) {
      requests.inc({ verb, code: String(code) });
      seconds.observe({ verb }, durationMs / 1000);
    },
    delayed: (verb, delayMs) => delays.inc({ verb }, delayMs / 1000),
  };
}

function reflectorMetrics(instruments: Instruments): KubeMetrics['reflector'] {
  const readLag = new Map<string, () => number>();
  const up = instruments.gauge(
    'reflector_watching',
    '1 while a watch of the resource is open, 0 while it is listed, failing or not served.',
    ['resource'],
  );
  const watches = instruments.counter(
    'reflector_watches_total',
    'Watches opened: reconnects, with the first.',
    ['resource'],
  );
  const lists = instruments.counter(
    'reflector_lists_total',
    'Complete lists read: relists, with the first.',
    ['resource'],
  );
  const objects = instruments.gauge('reflector_listed_objects', 'Objects in the last complete list.', [
    'resource',
  ]);
  const events = instruments.counter('reflector_events_total', 'Watch events received, by type.', [
    'resource',
    'type',
  ]);
  const failures = instruments.counter(
    'reflector_failures_total',
    'Lists and watches that failed, by error code.',
    ['resource', 'code'],
  );
  const rejected = instruments.counter(
    'reflector_rejected_objects_total',
    'Objects that could not be decoded or handled; their last good version stays in force.',
    ['resource'],
  );
  instruments.gauge(
    'reflector_lag_seconds',
    'Seconds since the API server was last heard of on the watch of the resource.',
    ['resource'],
    (gauge) => {
      for (const [resource, read] of readLag) gauge.set({ resource }, read() / 1000);
    },
  );
  return (resource) => {
    up.set({ resource }, 0);
    for (const counter of [watches, lists, rejected]) counter.inc({ resource }, 0);
    return {
      state(state) {
        up.set({ resource }, state === 'watching' ? 1 : 0);
        if (state === 'watching') watches.inc({ resource });
      },
      listed(count) {
        lists.inc({ resource });
        objects.set({ resource }, count);
      },
      event: (type) => events.inc({ resource, type }),
      failed: (code) => failures.inc({ resource, code }),
      rejected: () => rejected.inc({ resource }),
      lag: (read) => readLag.set(resource, read),
    };
  };
}

function eventMetrics(instruments: Instruments): EventMetrics {
  const events = instruments.counter(
    'events_total',
    'Kubernetes Events by fate: sent, or dropped because too many waited or the API server refused.',
    ['fate'],
  );
  for (const fate of ['sent', 'dropped']) events.inc({ fate }, 0);
  return { sent: () => events.inc({ fate: 'sent' }), dropped: () => events.inc({ fate: 'dropped' }) };
}

function heartbeatMetrics(instruments: Instruments): HeartbeatMetrics {
  const beats = instruments.counter('heartbeats_total', 'Reports of this replica to its own Lease.');
  const failures = instruments.counter('heartbeat_failures_total', 'Reports that failed, by error code.', [
    'code',
  ]);
  return { beat: () => beats.inc(), failed: (code) => failures.inc({ code }) };
}
