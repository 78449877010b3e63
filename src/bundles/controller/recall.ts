import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { bundleHash, decodePublished } from '#bundles/bundle/bundle.ts';
import type { TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { Recalled } from '#bundles/source/memory.ts';
import { isOurs, type LastPublished, type Published } from '#bundles/source/shrink.ts';

const block = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;

/**
 * The roots in these PEM texts. Whoever edited one, a root in it is proven by its fingerprint; so what else there is, is passed by.
 * @param published PEM of the targets
 */
export function shownRoots(published: readonly string[]): ReadonlyMap<string, Anchor> {
  const roots = new Map<string, Anchor>();
  for (const [, base64 = ''] of published.flatMap((pem) => [...pem.matchAll(block)])) {
    const anchor = readable(Buffer.from(base64, 'base64'));
    if (anchor !== undefined) roots.set(anchor.sha256, anchor);
  }
  return roots;
}

/** What was published last, by the status, with the bytes that the targets show. */
export function recallPublished(
  status: TrustBundleStatus | undefined,
  published: readonly string[],
  now: number,
): LastPublished {
  const bytes = new Map(published.flatMap((pem) => [...(decodePublished(pem) ?? [])]));
  const anchors: Published[] = [];
  const unseen: string[] = [];
  for (const { sha256, source, notAfter, withheldTime } of status?.anchors ?? []) {
    const der = bytes.get(sha256);
    const anchor = der && readable(der);
    if (anchor !== undefined) anchors.push({ anchor, source, withheld: withheldTime !== undefined });
    else if (!isOurs(source) && Date.parse(notAfter) >= now) unseen.push(sha256);
  }
  return { anchors, unseen };
}

function readable(der: Buffer): Anchor | undefined {
  try {
    return parseAnchor(der, 'published root');
  } catch {
    return undefined;
  }
}

const gaveNothing: Recalled = { anchors: [], vanished: new Map(), goodAt: undefined };

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
  // It was told of before, and never gave anything: nothing of it is published.
  if (before !== undefined && before.hash === undefined) return gaveNothing;
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
