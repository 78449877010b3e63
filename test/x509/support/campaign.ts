import { randomInt } from 'node:crypto';
import { types } from 'node:util';
import { createContext, Script } from 'node:vm';
import * as fc from 'fast-check';

/** `make test` takes seconds for each property; with MANGROVE_LONG=1 a campaign takes minutes. */
export const long = process.env.MANGROVE_LONG === '1';

const numRuns = long ? 40_000 : 2000;

/** Milliseconds for one campaign. */
export const timeout = long ? 900_000 : 180_000;

/** A reader that never comes back would hold up whoever waits for the run: it is ended a little before the test is. */
const hangMs = timeout - 20_000;
const context = createContext({ campaign: undefined });
const call = new Script('campaign()');

/** The property holds for every input, and says so in time. */
export function assertAlways<T>(property: fc.IRawProperty<T, false>): void {
  const seed = randomInt(2 ** 31);
  context['campaign'] = () => fc.assert(property, { numRuns, seed });
  try {
    call.runInContext(context, { timeout: hangMs });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new Error(`some input takes for ever: seed ${seed}`, { cause: error });
  }
}

/** It comes from the realm of the script. */
function isTimeout(error: unknown): boolean {
  return types.isNativeError(error) && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
