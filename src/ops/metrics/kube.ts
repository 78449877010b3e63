import type { Instruments } from '#ops/metrics/instrument.ts';

/** What the REST client reports of each attempt. */
export interface RequestMetrics {
  /** `outcome` is the HTTP status, or an error code when no answer came. */
  attempted(method: string, outcome: number | string, durationMs: number): void;
  /** The server asked us to slow down, or a read is tried again. */
  delayed(method: string, delayMs: number): void;
  /** A write may or may not have been made. */
  outcomeUnknown(method: string): void;
}

/** What becomes of the credentials on disk. */
export interface CredentialMetrics {
  changed(): void;
  unreadable(code: string): void;
}

/** What can be asked of a reflector at each scrape. */
export interface ReflectorStatus {
  readonly state: () => string;
  /** Milliseconds since the server was last heard of. */
  readonly lagMs: () => number;
}

/** What the reflectors of one resource report. */
export interface ReflectorMetrics {
  /** The returned function is called when the reflector has ended. */
  started(status: ReflectorStatus): () => void;
  state(state: string): void;
  listed(objects: number): void;
  event(type: string): void;
  failed(code: string): void;
  rejected(): void;
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
  readonly credentials: CredentialMetrics;
  /** `resource` is the plural. */
  reflector(resource: string): ReflectorMetrics;
  readonly events: EventMetrics;
  readonly heartbeat: HeartbeatMetrics;
  /** This replica took or lost the lease. */
  leading(leader: boolean): void;
  /** Replicas whose heartbeats are seen, asked at each scrape. */
  replicas(count: () => number): void;
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
  let countReplicas = (): number => 0;
  instruments.gauge(
    'replicas_live',
    'Replicas, this one among them, whose heartbeat is seen: requests are shared among those that can sign.',
    [],
    (gauge) => gauge.set(countReplicas()),
  );
  return {
    requests: requestMetrics(instruments),
    credentials: credentialMetrics(instruments),
    reflector: reflectorMetrics(instruments),
    events: eventMetrics(instruments),
    heartbeat: heartbeatMetrics(instruments),
    leading: (leads) => leader.set(leads ? 1 : 0),
    replicas: (count) => {
      countReplicas = count;
    },
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
  const unknown = instruments.counter(
    'kube_unknown_outcomes_total',
    'Writes whose answer was lost, by HTTP method; the object is read before anything is decided.',
    ['verb'],
  );
  for (const verb of ['POST', 'PUT', 'PATCH', 'DELETE']) unknown.inc({ verb }, 0);
  return {
    attempted(verb, code, durationMs) {
      requests.inc({ verb, code: String(code) });
      seconds.observe({ verb }, durationMs / 1000);
    },
    delayed: (verb, delayMs) => delays.inc({ verb }, delayMs / 1000),
    outcomeUnknown: (verb) => unknown.inc({ verb }),
  };
}

function credentialMetrics(instruments: Instruments): CredentialMetrics {
  const changes = instruments.counter(
    'kube_credentials_changes_total',
    'Times that a new token, certificate, CA bundle or address was found on disk and taken into use.',
  );
  const failures = instruments.counter(
    'kube_credentials_failures_total',
    'Readings of the credentials that failed, by error code; the last good ones stay in use.',
    ['code'],
  );
  return { changed: () => changes.inc(), unreadable: (code) => failures.inc({ code }) };
}

function reflectorMetrics(instruments: Instruments): KubeMetrics['reflector'] {
  const statuses = new Map<string, Set<ReflectorStatus>>();
  instruments.gauge(
    'reflector_watching',
    '1 while each watch of the resource is open, 0 while one is listed, failing or not served.',
    ['resource'],
    (gauge) => {
      for (const [resource, running] of statuses) {
        const all = running.size > 0 && [...running].every(({ state }) => state() === 'watching');
        gauge.set({ resource }, all ? 1 : 0);
      }
    },
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
    'Seconds since the API server was last heard of on the watch of the resource; of several, the most silent one.',
    ['resource'],
    (gauge) => {
      for (const [resource, running] of statuses) {
        gauge.set({ resource }, Math.max(0, ...Array.from(running, ({ lagMs }) => lagMs())) / 1000);
      }
    },
  );
  return (resource) => {
    const running = statuses.get(resource) ?? new Set();
    statuses.set(resource, running);
    for (const counter of [watches, lists, rejected]) counter.inc({ resource }, 0);
    return {
      started(status) {
        running.add(status);
        return () => running.delete(status);
      },
      state(state) {
        if (state === 'watching') watches.inc({ resource });
      },
      listed(count) {
        lists.inc({ resource });
        objects.set({ resource }, count);
      },
      event: (type) => events.inc({ resource, type }),
      failed: (code) => failures.inc({ resource, code }),
      rejected: () => rejected.inc({ resource }),
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
