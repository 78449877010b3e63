import { createHash } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { type Anchor, parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { shortened } from '#bundles/source/filter.ts';
import type { SourceContent } from '#bundles/source/source.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import { parsePem } from '#x509/pem.ts';

export type PublicRoots = 'mozilla' | 'system';

const kindOf = { mozilla: 'bundled', system: 'system' } as const;
const read = new Map<PublicRoots, SourceContent>();
/** All of them, for an operator may need one; the status has room for 4096 characters. */
const mostLeftOut = 320;

/**
 * The public roots that this program, or its operating system, brought. Nobody here can mend one of them, so one that we, Go or a
 * strict verifier would not read is left out by itself and named. Read once: they change with the program or its image.
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND where there are none
 */
export function publicRoots(from: PublicRoots): SourceContent {
  const known = read.get(from) ?? judged(from, getCACertificates(kindOf[from]));
  read.set(from, known);
  return known;
}

function judged(from: PublicRoots, certificates: readonly string[]): SourceContent {
  const anchors: Anchor[] = [];
  const refused = new Map<string, string[]>();
  // The operating system may name one file by several ways.
  for (const pem of new Set(certificates)) {
    try {
      anchors.push(...parseAnchorsPem(`${pem.trimEnd()}\n`));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      refused.set(code, [...(refused.get(code) ?? []), fingerprint(pem)]);
    }
  }
  if (anchors.length === 0) {
    throw new MangroveError(
      'BUNDLE_SOURCE_NOT_FOUND',
      `this ${from === 'system' ? 'machine' : 'program'} has no public roots`,
    );
  }
  const origin =
    from === 'mozilla' ? `Mozilla's roots of Node.js ${process.version}` : 'roots of the operating system';
  const out = [...refused].map(([code, fingerprints]) => `${shortened(fingerprints, mostLeftOut)} (${code})`);
  return { anchors, note: out.length === 0 ? origin : `${origin}; left out: ${out.join('; ')}` };
}

function fingerprint(pem: string): string {
  try {
    return parsePem(`${pem.trimEnd()}\n`, 'CERTIFICATE')
      .map((der) => createHash('sha256').update(der).digest('hex'))
      .join('');
  } catch {
    return 'a damaged block';
  }
}
