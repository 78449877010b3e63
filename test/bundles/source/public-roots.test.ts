import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import { publicRoots } from '#bundles/source/public-roots.ts';
import { errorCode } from '#errors/error.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';

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

/** What a process gives that is told where the operating system has its roots: nothing of this machine's own counts. */
function systemRoots(file: string): unknown {
  const script = `
    import { publicRoots } from '#bundles/source/public-roots.ts';
    const told = ({ anchors, note }) => ({ anchors: anchors.map(({ sha256 }) => sha256), note });
    const read = () => { try { return told(publicRoots('system')); } catch ({ code }) { return { code }; } };
    console.log(JSON.stringify(read()));`;
  const env = { ...process.env, SSL_CERT_FILE: file, SSL_CERT_DIR: scratchDirectory() };
  const options = { cwd: packageRoot(), env, encoding: 'utf8' } as const;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], options));
}

it('the roots of the operating system are those that it names, each once', () => {
  const [[sha256, first], [, second]] = [...all] as [[string, string], [string, string]];
  const file = join(scratchDirectory(), 'roots.pem');
  writeFileSync(file, first + first);
  expect(systemRoots(file)).toEqual({ anchors: [sha256], note: 'roots of the operating system' });
  writeFileSync(file, second);
  expect(systemRoots(file)).not.toMatchObject({ anchors: [sha256] });
});

it('it is said when the operating system has none', () => {
  expect(systemRoots('/dev/null')).toEqual({ code: 'BUNDLE_SOURCE_NOT_FOUND' });
});

function refusalOf(pem: string): string | undefined {
  try {
    parseAnchorsPem(pem);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}
