import { publishFile } from '#bundles/controller/target-file.ts';
import {
  noteFailure,
  noteVerified,
  type Pace,
  type TargetMemory,
} from '#bundles/controller/target-memory.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { requireBundle, rememberedReport, type Wish } from '#bundles/controller/wish.ts';
import { formats } from '#bundles/format/format.ts';
import type { FileTarget } from '#bundles/target/named-target.ts';
import type { Step } from '#step.ts';

export interface FileTask extends Wish {
  readonly target: FileTarget;
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
  const { name } = task.target;
  const written = await attempt(task, memory, tools).catch((error: unknown) => {
    noteFailure(`file ${name}`, error, memory, tools);
    return undefined;
  });
  const report = rememberedReport(task, memory, tools);
  return {
    ...report,
    kind: 'file',
    name,
    apiVersion: undefined,
    written,
    changed: written === undefined ? [] : ['content'],
    retryMs: report.retryMs ?? lookMs,
  };
}

async function attempt(
  task: FileTask,
  memory: TargetMemory,
  { directory, clock, step }: FileTools,
): Promise<TargetReport['written']> {
  const { target, growOnly } = task;
  const { name, spec } = target;
  const bundle = requireBundle(`file ${name}`, task);
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
