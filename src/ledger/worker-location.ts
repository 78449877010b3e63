import { existsSync } from 'node:fs';

/**
 * The file that the store's thread runs. Sources run as they are, so it stands beside this module; a bundle has one
 * entry `ledger-worker.mjs`, while this code may have been moved into `chunks/` below it.
 */
export function workerLocation(moduleUrl: string): URL {
  if (moduleUrl.endsWith('.ts')) return new URL('worker.ts', moduleUrl);
  const beside = new URL('ledger-worker.mjs', moduleUrl);
  return existsSync(beside) ? beside : new URL('../ledger-worker.mjs', moduleUrl);
}
