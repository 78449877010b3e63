import type { Bundle } from '#bundles/bundle/bundle.ts';
import { isFailing, type TargetReport } from '#bundles/controller/target-report.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import type { SourceReading } from '#bundles/source/memory.ts';
import type { LastPublished } from '#bundles/source/shrink.ts';

/** What one reconcile made of what was published before. */
export interface Publishing {
  readonly assembly: Assembly;
  readonly targets: readonly TargetReport[];
  readonly readings: readonly SourceReading[];
  readonly before: LastPublished;
  /** Wall clock, ms. */
  readonly now: number;
}

/** Also one that a thousand namespaces hold and one refuses. */
function isSomewhere({ error, placements }: TargetReport): boolean {
  return error === undefined || (placements !== undefined && placements.holding > 0);
}

/** Every target was seen to hold the bundle. */
export function isPublished(
  assembly: Assembly,
  targets: readonly TargetReport[],
): assembly is Assembly & { readonly bundle: Bundle } {
  return assembly.bundle !== undefined && !targets.some(isFailing);
}

/**
 * What is published now, and who gives it; what is withheld was given by whom it was given by before. While a target fails, what has joined
 * is relied upon where it arrived, and what was let go is gone there: it must not come back. Undefined when no place holds the bundle.
 */
export function publishedNow({
  assembly,
  targets,
  readings,
  before,
  now,
}: Publishing): LastPublished | undefined {
  const { bundle, removals } = assembly;
  if (bundle === undefined || !targets.some(isSomewhere)) return undefined;
  const withheld = new Set(assembly.withheld.map(({ sha256 }) => sha256));
  const known = new Map(before.anchors.map((published) => [published.anchor.sha256, published]));
  const givers = new Map(before.anchors.map(({ anchor, source }) => [anchor.sha256, source]));
  for (const { name, anchors: given = [] } of readings.toReversed()) {
    for (const { sha256 } of given) givers.set(sha256, name);
  }
  const whole = isPublished(assembly, targets);
  const anchors = bundle.anchors.map((anchor) => ({
    anchor,
    source: givers.get(anchor.sha256) ?? '',
    withheld: withheld.has(anchor.sha256),
    since: known.get(anchor.sha256)?.since ?? now,
  }));
  return { anchors, unseen: whole ? [] : before.unseen, removals };
}
