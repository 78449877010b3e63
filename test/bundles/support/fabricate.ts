import { createHash } from 'node:crypto';
import type { Anchor } from '#bundles/bundle/anchor.ts';

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
