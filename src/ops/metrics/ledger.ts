import type { Instruments } from '#ops/metrics/instrument.ts';

export interface LedgerMetrics {
  /** Records that wait for a commit. */
  queued(records: number): void;
  /** One transaction reached the disk. */
  committed(records: number, seconds: number): void;
  /** A record could not be stored; `code` is an error code. */
  failed(code: string): void;
}

export function ledgerMetrics(instruments: Instruments): LedgerMetrics {
  const queue = instruments.gauge('ledger_queue_length', 'Records that wait to be committed to the ledger.');
  const records = instruments.counter('ledger_records_total', 'Intents and results committed to the ledger.');
  const seconds = instruments.histogram(
    'ledger_commit_seconds',
    'Seconds of one transaction of the ledger, its fsync included.',
  );
  const errors = instruments.counter(
    'ledger_errors_total',
    'Records that the ledger could not store, by error code. Nothing is issued without its record.',
    ['code'],
  );
  return {
    queued: (length) => queue.set(length),
    committed(count, duration) {
      records.inc(count);
      seconds.observe(duration);
    },
    failed: (code) => errors.inc({ code }),
  };
}
