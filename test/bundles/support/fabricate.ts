import { createHash } from 'node:crypto';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import { MangroveError } from '#errors/error.ts';

/** An anchor value for tests of what never looks inside one; `text` stands for its bytes. */
export function fabricatedAnchor(
  text: string,
  times: Partial<Pick<Anchor, 'notBefore' | 'notAfter'>> = {},
): Anchor {
  const der = Buffer.from(text);
  return {
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    subject: `CN=${text}`,
    notBefore: 0,
    notAfter: 4_000_000_000,
    spiffeTrustDomain: undefined,
    ...times,
  };
}

/** What sources give of which every one was read. */
export function fabricatedAssembly(...anchors: readonly Anchor[]): Assembly {
  const isEmpty = anchors.length === 0;
  return {
    bundle: isEmpty ? undefined : makeBundle('east.test', anchors),
    error: isEmpty ? new MangroveError('BUNDLE_EMPTY', 'nothing') : undefined,
    expired: [],
    early: [],
    withheld: [],
    removals: [],
    partial: false,
    changesAt: Number.POSITIVE_INFINITY,
  };
}
