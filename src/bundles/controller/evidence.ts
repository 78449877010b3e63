import type { PublishedEvidence } from '#bundles/controller/verify.ts';

/** Evidence in one line for a status: who holds the anchor, or who does not and why. */
export function describeEvidence({ complete, targets }: PublishedEvidence): {
  readonly published: boolean;
  readonly message: string;
} {
  if (complete)
    return { published: true, message: `${targets.length} of ${targets.length} targets hold the root` };
  const missing = targets.filter(({ published }) => !published);
  const reasons = missing.map(({ target, error }) => `${target}: ${error?.message ?? 'not read'}`);
  return { published: false, message: reasons.join('; ') || 'the TrustBundle has no target yet' };
}
