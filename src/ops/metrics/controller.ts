import type { Instruments } from '#ops/metrics/instrument.ts';

/** What one work queue reports. */
export interface QueueMetrics {
  /** `depth`: keys that wait to be handed out, asked at each scrape. */
  made(depth: () => number): void;
  /** A key was put back, after a failure or for later. */
  delayed(delayMs: number): void;
  /** A key did not fit and comes again later. */
  dropped(): void;
}

/** What the controllers report of their reconciles. */
export interface ControllerMetrics {
  /** Once: every outcome stands at zero before the first reconcile. */
  started(controller: string, outcomes: readonly string[]): void;
  reconciled(controller: string, outcome: string, durationMs: number): void;
  queue(controller: string): QueueMetrics;
}

export function controllerMetrics(instruments: Instruments): ControllerMetrics {
  const reconciles = instruments.counter(
    'reconcile_total',
    'Reconciles by controller and outcome; each outcome stands at zero from the start.',
    ['controller', 'outcome'],
  );
  const seconds = instruments.histogram('reconcile_seconds', 'Seconds of one reconcile.', ['controller']);
  const depths = instruments.readings(
    'work_queue_depth',
    'Keys that wait in the work queue of a controller.',
    'controller',
  );
  const delayed = instruments.counter(
    'work_queue_delayed_total',
    'Keys that were put back into the work queue, after a failure or to be looked at again later.',
    ['controller'],
  );
  const dropped = instruments.counter(
    'work_queue_dropped_total',
    'Keys that did not fit into a full work queue; all that there are come by again once there is room.',
    ['controller'],
  );
  return {
    started(controller, outcomes) {
      for (const outcome of outcomes) reconciles.inc({ controller, outcome }, 0);
    },
    reconciled(controller, outcome, durationMs) {
      reconciles.inc({ controller, outcome });
      seconds.observe({ controller }, durationMs / 1000);
    },
    queue(controller) {
      for (const counter of [delayed, dropped]) counter.inc({ controller }, 0);
      return {
        made: (depth) => depths.set(controller, depth),
        delayed: () => delayed.inc({ controller }),
        dropped: () => dropped.inc({ controller }),
      };
    },
  };
}
