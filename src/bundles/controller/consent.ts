import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { Announcer } from '#bundles/controller/announcement.ts';
import { isPublished } from '#bundles/controller/last-published.ts';
import type { Findings } from '#bundles/controller/status.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import { CONSENT_ANNOTATION, consentOf, restOf } from '#bundles/source/consent.ts';
import type { LastPublished } from '#bundles/source/shrink.ts';
import type { KubeClient } from '#kube/client.ts';
import { trustBundles } from '#kube/resource.ts';

export interface ConsentTools {
  readonly client: Pick<KubeClient, 'update'>;
  readonly announcer: Pick<Announcer, 'consented'>;
  readonly signal: AbortSignal;
}

/**
 * A consent works once: when what it named is gone from every target, it is taken away. What named no root stays, to be mended.
 * @returns the TrustBundle as it is now
 */
export async function spendConsent(
  object: TrustBundle,
  findings: Findings,
  { client, announcer, signal }: ConsentTools,
): Promise<TrustBundle> {
  if ('invalid' in findings || !isPublished(findings.assembly, findings.targets)) return object;
  const { consented, assembly } = findings;
  const held = new Set(assembly.bundle.anchors.map(({ sha256 }) => sha256));
  if (consented.length === 0 || consented.some((sha256) => held.has(sha256))) return object;
  const { [CONSENT_ANNOTATION]: _, ...others } = object.metadata.annotations ?? {};
  const rest = restOf(consentOf(object.metadata.annotations), consented);
  const annotations = { ...others, ...(rest !== undefined && { [CONSENT_ANNOTATION]: rest }) };
  const { metadata } = await client.update(
    trustBundles,
    { ...object, metadata: { ...object.metadata, annotations } },
    { signal, metadataOnly: true },
  );
  announcer.consented(object, consented);
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

/** Fingerprints of what is in the bundle, or was until a moment ago: only these can a consent be about. */
export function knownRoots(
  { status }: TrustBundle,
  before: LastPublished,
  { bundle }: Assembly,
): ReadonlySet<string> {
  const roots = [
    ...(status?.anchors ?? []),
    ...(bundle?.anchors ?? []),
    ...before.anchors.map(({ anchor }) => anchor),
    ...before.unseen,
    ...before.removals,
  ];
  return new Set(roots.map(({ sha256 }) => sha256));
}
