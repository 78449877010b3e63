import type { Bundle } from '#bundles/bundle/bundle.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import { publishFile } from '#bundles/controller/target-file.ts';
import {
  noteFailure,
  noteVerified,
  type Pace,
  type TargetMemory,
} from '#bundles/controller/target-memory.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { formats } from '#bundles/format/format.ts';
import type { Verdict } from '#bundles/target/claim.ts';
import type { FileTarget } from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';
import type { Step } from '#step.ts';

export interface FileTask {
  readonly target: FileTarget;
  /** Name of the TrustBundle. */
  readonly owner: string;
  /** Undefined: there is nothing to publish, and what the file holds stays. */
  readonly bundle: Bundle | undefined;
  readonly bundleError: unknown;
  readonly growOnly: boolean;
  readonly verdict: Verdict;
}

export interface FileTools extends Pace {
  /** Of the files of all TrustBundles. */
  readonly directory: string;
  readonly step?: Step | undefined;
}

/** Files tell nobody that they were changed. */
const lookMs = 10_000;

/** Brings one file to what it should be, or says why not; never throws. */
export async function settleFile(
  task: FileTask,
  memory: TargetMemory,
  tools: FileTools,
): Promise<TargetReport> {
  const { target, owner, verdict } = task;
  const written = await attempt(task, memory, tools).catch((error: unknown) => {
    noteFailure(`file ${target.name}`, error, memory, tools);
    return undefined;
  });
  const waitMs = memory.notBefore - tools.clock.monotonic();
  return {
    kind: 'file',
    name: target.name,
    apiVersion: undefined,
    hash: memory.hash,
    verifiedAt: memory.verifiedAt,
    error: memory.error,
    rivals: [verdict.winner, ...verdict.losers].filter((rival) => rival !== owner),
    written,
    changed: written === undefined ? [] : ['content'],
    retryMs: waitMs > 0 ? waitMs : lookMs,
  };
}

async function attempt(
  { target, owner, bundle, bundleError, growOnly, verdict }: FileTask,
  memory: TargetMemory,
  { directory, clock, step }: FileTools,
): Promise<TargetReport['written']> {
  const { name, spec } = target;
  if (verdict.winner !== owner) {
    throw new MangroveError(
      'BUNDLE_TARGET_CONFLICTED',
      `file ${name} is published by the older TrustBundle ${verdict.winner}`,
    );
  }
  if (bundle === undefined) throw targetFailure(`file ${name}`, bundleError);
  const wish = JSON.stringify([bundle.sha256, spec, growOnly]);
  const wished = memory.wish === wish;
  if (clock.monotonic() < memory.notBefore && wished) return undefined;
  const held = memory.hash === bundle.sha256 && wished;
  memory.wish = wish;
  const format = formats[spec.format];
  const outcome = await publishFile({ directory, name, format, bundle, growOnly, now: clock.wall(), step });
  noteVerified(bundle.sha256, memory, { clock });
  if (outcome === 'unchanged') return undefined;
  return held ? 'repaired' : outcome;
}
