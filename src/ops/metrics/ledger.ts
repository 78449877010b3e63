import type { Instruments } from '#ops/metrics/instrument.ts';

export interface LedgerMetrics {
  /** One transaction reached the disk; `waiting` more records arrived meanwhile. */
  committed(records: number, seconds: number, waiting: number): void;
  /** Records could not be stored, or the upkeep between them failed; `code` is an error code. */
  failed(code: string): void;
  /** Intents of earlier processes that have no result. */
  unresolved(intents: number): void;
}

export function ledgerMetrics(instruments: Instruments): LedgerMetrics {
  const queue = instruments.gauge(
    'ledger_queue_length',
    'Records that arrived while the last transaction of the ledger was under way.',
  );
  const records = instruments.counter('ledger_records_total', 'Intents and results committed to the ledger.');
  const seconds = instruments.histogram(
    'ledger_commit_seconds',
    'Seconds of one transaction of the ledger, its fsync included.',
  );
  const errors = instruments.counter(
    'ledger_errors_total',
    'Failures of the ledger by error code. Nothing is issued without its record.',
    ['code'],
  );
  const unresolved = instruments.gauge(
    'ledger_unresolved_intents',
    'Certificates that earlier processes of this replica were about to sign when they ended: each may exist, unrecorded.',
  );
  return {
    committed(count, duration, waiting) {
      queue.set(waiting);
      records.inc(count);
      seconds.observe(duration);
    },
    failed: (code) => errors.inc({ code }),
    unresolved: (intents) => unresolved.set(intents),
  };
}
