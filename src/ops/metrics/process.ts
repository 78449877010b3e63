import { type Histogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Instruments } from '#ops/metrics/instrument.ts';

const resolutionMs = 20;
const quantiles = [0.5, 0.99, 1] as const;

/** Metrics of the process itself, read at each scrape. Returns what stops the measurement. */
export function processMetrics(instruments: Instruments, version: string): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  instruments.gauge(
    'event_loop_lag_seconds',
    'Seconds that the event loop was late, since the last scrape, by quantile; 1 is the worst.',
    ['quantile'],
    (gauge) => {
      for (const quantile of quantiles) gauge.set({ quantile }, lagSeconds(delay, quantile));
      delay.reset();
    },
  );
  instruments.gauge(
    'process_resident_memory_bytes',
    'Bytes of memory that the process occupies.',
    [],
    (gauge) => gauge.set(process.memoryUsage.rss()),
  );
  instruments.gauge(
    'process_cpu_seconds',
    'Seconds of CPU time that the process has used since it started.',
    [],
    (gauge) => {
      const { user, system } = process.cpuUsage();
      gauge.set((user + system) / 1_000_000);
    },
  );
  instruments
    .gauge('build_info', 'Always 1; the labels tell the version of Mangrove and of Node.', [
      'version',
      'node',
    ])
    .set({ version, node: process.version }, 1);
  return () => delay.disable();
}

/** The histogram holds whole delays of a timer: what is beyond its own period is lag. Nanoseconds; none before two ticks. */
function lagSeconds(delay: Histogram, quantile: (typeof quantiles)[number]): number {
  const nanoseconds = delay.percentile(quantile * 100);
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
}
