import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { bundleHash, decodePublished } from '#bundles/bundle/bundle.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { Recalled } from '#bundles/source/memory.ts';
import type { Published } from '#bundles/source/shrink.ts';

/** The anchors that were published last, as far as the targets still show their bytes. */
export function recallPublished(
  status: TrustBundleStatus | undefined,
  published: readonly string[],
): readonly Published[] {
  const bytes = new Map(published.flatMap((pem) => [...(decodePublished(pem) ?? [])]));
  return (status?.anchors ?? []).flatMap(({ sha256, source }) => {
    const der = bytes.get(sha256);
    const anchor = der && readable(der);
    return anchor === undefined ? [] : [{ anchor, source }];
  });
}

function readable(der: Buffer): Anchor | undefined {
  try {
    return parseAnchor(der, 'published root');
  } catch {
    return undefined;
  }
}

/**
 * What a source gave before this process began, from the status (which fingerprints, and the hash over all of them) and from
 * the targets (their bytes): all of it, or undefined. An object that was tampered with gives nothing, for the hash says so.
 * @param source such as `authority/mesh`
 * @param published PEM of the targets
 */
export function recallSource(
  source: string,
  status: TrustBundleStatus | undefined,
  published: readonly string[],
): Recalled | undefined {
  const before = status?.sources?.find(({ kind, name }) => `${kind}/${name}` === source);
  if (before?.hash === undefined || before.lastGoodTime === undefined) return undefined;
  const vanished = new Map<string, number>();
  const bytes = new Map(published.flatMap((pem) => [...(decodePublished(pem) ?? [])]));
  const found = new Map<string, Buffer>();
  for (const anchor of status?.anchors ?? []) {
    const der = bytes.get(anchor.sha256);
    if (anchor.source !== source || der === undefined) continue;
    found.set(anchor.sha256, der);
    if (anchor.vanishedTime !== undefined) vanished.set(anchor.sha256, Date.parse(anchor.vanishedTime));
  }
  if (bundleHash(found) !== before.hash) return undefined;
  try {
    const anchors = [...found.values()].map((der) => parseAnchor(der, 'recalled root'));
    return { anchors, vanished, goodAt: Date.parse(before.lastGoodTime) };
  } catch {
    return undefined;
  }
}
