import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errorCode, errorMessage } from '#errors/error.ts';
import type { Ledger } from '#ledger/ledger.ts';

export interface UnresolvedReport {
  readonly ledger: Pick<Ledger, 'unresolvedIntents'>;
  readonly log: Logger;
  /** How many there are. */
  readonly onUnresolved: (intents: number) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Between two attempts to read the ledger, in milliseconds; default 10,000. */
  readonly retryMs?: number;
}

/** More are not counted: so many at once are no crash but a fault that shows elsewhere. */
const most = 10_000;

/**
 * Says what earlier processes were about to sign when they ended: each such certificate may exist, and was handed to
 * nobody by us. Those that have expired matter no more. To be awaited before this process signs, or what is under way
 * would be among them; a ledger that cannot be read is tried again behind its back. Never rejects.
 */
export async function reportUnresolved(report: UnresolvedReport): Promise<void> {
  if (!(await attempt(report))) void tryAgain(report);
}

async function tryAgain(report: UnresolvedReport): Promise<void> {
  try {
    do await sleep(report.retryMs ?? 10_000, undefined, { signal: report.signal });
    while (!(await attempt(report)));
  } catch {
    // The process ends.
  }
}

async function attempt({ ledger, log, onUnresolved, now }: UnresolvedReport): Promise<boolean> {
  try {
    const all = await ledger.unresolvedIntents(most);
    const alive = all.filter(({ notAfter }) => notAfter * 1000 > now());
    onUnresolved(alive.length);
    for (const { serial, kind, identity, requestUid, authority, notAfter } of alive) {
      const about = { serial, kind, identity, requestUid, authority, notAfter };
      log.warn(about, 'an earlier process may have signed this certificate, and did not hand it out');
    }
    return true;
  } catch (error) {
    const about = { code: errorCode(error), error: errorMessage(error) };
    log.warn(about, 'the ledger does not tell yet what an earlier process may have signed');
    return false;
  }
}
