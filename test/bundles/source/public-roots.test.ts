import { createHash, X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { publicRoots } from '#bundles/source/public-roots.ts';
import { errorCode } from '#errors/error.ts';

/** Read by Node, not by us. */
const all = new Map(
  getCACertificates('bundled').map((pem) => {
    const der = new X509Certificate(pem).raw;
    return [createHash('sha256').update(der).digest('hex'), `${pem.trimEnd()}\n`] as const;
  }),
);

describe("Mozilla's roots", () => {
  const { anchors, note = '' } = publicRoots('mozilla');

  it('say which Node.js brought them', () => {
    expect(note).toContain(`Mozilla's roots of Node.js ${process.version}`);
  });

  it('are there, each of them or its fingerprint with the reason why not', () => {
    const given = new Set(anchors.map(({ sha256 }) => sha256));
    const leftOut = [...all].filter(([sha256]) => !given.has(sha256));
    expect(given.size).toBeGreaterThan(100);
    expect(given.size + leftOut.length).toBe(all.size);
    expect(leftOut.length).toBeGreaterThan(0);
    for (const [sha256, pem] of leftOut) {
      expect(note).toContain(sha256.slice(0, 8));
      expect(refusalOf(pem)).toMatch(/^BUNDLE_ANCHOR_/);
      expect(note).toContain(`(${refusalOf(pem)})`);
    }
    expect(note.length).toBeLessThan(4096);
  });

  it('fit into one bundle, twice over', () => {
    expect(makeBundle('east.test', anchors).pem.length).toBeLessThan(524_288);
  });

  it('are read once', () => {
    expect(publicRoots('mozilla').anchors).toBe(anchors);
  });
});

it('the roots of the operating system are those, or it is said that there are none', () => {
  const there = getCACertificates('system').length > 0;
  const read = () => publicRoots('system');
  if (there) {
    const { anchors, note } = read();
    expect(note).toContain('roots of the operating system');
    expect(note).not.toMatch(/ more \(/);
    expect(new Set(anchors.map(({ sha256 }) => sha256)).size).toBe(anchors.length);
  } else expect(read).toThrow(expect.objectContaining({ code: 'BUNDLE_SOURCE_NOT_FOUND' }));
});

function refusalOf(pem: string): string | undefined {
  try {
    parseAnchorsPem(pem);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}
