import { errorCode, errorMessage } from '#errors/error.ts';
import type { Check, Readiness } from '#ops/health.ts';

/** A name and a test: it says what it saw, or throws with the reason why not. */
export type NamedCheck = readonly [name: string, check: () => string | Promise<string>];

/** Runs every check, side by side, and reports each: one that fails hides no other. */
export async function checkReadiness(checks: readonly NamedCheck[]): Promise<Readiness> {
  const results = await Promise.all(checks.map(([name, check]) => run(name, check)));
  return { ready: results.every(({ ok }) => ok), checks: results };
}

async function run(name: string, check: NamedCheck[1]): Promise<Check> {
  try {
    return { name, ok: true, message: await check() };
  } catch (error) {
    const code = errorCode(error);
    return { name, ok: false, message: `${errorMessage(error)}${code === undefined ? '' : ` (${code})`}` };
  }
}
