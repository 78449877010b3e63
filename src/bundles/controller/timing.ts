import { defaultLandingMs } from '#bundles/controller/landings.ts';
import type { ServedApiTiming } from '#bundles/controller/served-api.ts';

/** Milliseconds. */
export interface BundleControllerTiming extends ServedApiTiming {
  /** Every target is looked at, and the times in the status are renewed, at least this often; default 5 min. */
  readonly verifyMs: number;
  /** A watch that was silent for longer is not believed, and targets are read instead; default 2 min. */
  readonly staleMs: number;
  /** While targets are written to many namespaces, the status tells of it this often; default 1 s. */
  readonly progressMs: number;
  /** What was sent to be created, and nobody waits for, may appear for so long; default 75 s. */
  readonly landingMs: number;
}

export const defaultTiming: BundleControllerTiming = {
  discoveryMs: 180_000,
  absentMs: 15_000,
  recheckMs: 1_000,
  verifyMs: 300_000,
  staleMs: 120_000,
  progressMs: 1_000,
  landingMs: defaultLandingMs,
};
