/** `make test` takes seconds for each property; with MANGROVE_LONG=1 a campaign takes minutes. */
export const long = process.env.MANGROVE_LONG === '1';

export const runs = { numRuns: long ? 40_000 : 2000 };

/** Milliseconds for one campaign. */
export const timeout = long ? 900_000 : 180_000;
