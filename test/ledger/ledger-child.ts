import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { newIntent, resultOf } from './records.ts';

/**
 * A process that records as fast as it can and says on stdout what was acknowledged, one line each, until
 * it is killed: `intent <serial>`, `result <serial>`, or `error <code>`.
 */
const [path = '', callers = '8'] = process.argv.slice(2);

/** Writes to a pipe are synchronous: a line that was said arrives, whatever happens to us after it. */
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

// Nobody listens any more: the test is over.
process.stdout.on('error', () => process.exit());

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

async function caller(ledger: Awaited<ReturnType<typeof openSqliteLedger>>): Promise<void> {
  for (;;) {
    const intent = newIntent();
    const { serial } = intent;
    try {
      await ledger.recordIntent(intent);
      say(`intent ${serial}`);
      await ledger.recordResult(resultOf(intent));
      say(`result ${serial}`);
    } catch (error) {
      say(`error ${codeOf(error)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

try {
  const ledger = await openSqliteLedger({ path });
  say('open');
  await Promise.all(Array.from({ length: Number(callers) }, () => caller(ledger)));
} catch (error) {
  say(`error ${codeOf(error)}`);
  process.exitCode = 1;
}
