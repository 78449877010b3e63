import type { TargetReport } from '#bundles/controller/target-report.ts';
import { kindNames } from '#bundles/target/named-target.ts';

/** The target holds another bundle than before. */
export function published({ kind, name, hash = '' }: TargetReport) {
  const message = `${kindNames[kind]} ${name} holds the bundle ${hash.slice(0, 8)}`;
  return { type: 'Normal', reason: 'Published', message } as const;
}

/** Somebody else had changed what stands there. */
export function repaired({ kind, name, changed }: TargetReport) {
  const message = `${kindNames[kind]} ${name} was changed by somebody else and put right: ${changed.join(', ')}`;
  return { type: 'Warning', reason: 'TargetRepaired', message } as const;
}
