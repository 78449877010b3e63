import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundlesErrors } from '#errors/bundles.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { manifests } from '../../support/shared-objects.ts';
import { docs, readPage } from './page.ts';

/** A page about a part of a TrustBundle, such as `sources.md`, and the pages of its kinds. */
export interface Chapter {
  readonly overview: string;
  /** Such as `sources/file.md`. */
  readonly kinds: readonly string[];
}

export function chapterOf(part: string): Chapter {
  return {
    overview: `${part}.md`,
    kinds: readdirSync(join(docs, part)).map((file) => `${part}/${file}`),
  };
}

/** The tests of what must be true of every page, whatever it is about; `others` belong to the chapter and are no kinds. */
export function testPages({ overview, kinds }: Chapter, ...others: readonly string[]): void {
  const reasons = new Set<string>(Object.values(bundlesErrors).map(({ reason }) => reason));

  describe.each([overview, ...others, ...kinds])('%s', (page) => {
    const text = readPage(`docs/${page}`);

    it('names reasons that there are', () => {
      const named = [...text.matchAll(/^\| `([A-Z]\w+)` \|/gm)].map(([, reason = '']) => reason);
      if (page !== overview) expect(named.length).toBeGreaterThan(0);
      expect(named.filter((reason) => !reasons.has(reason))).toEqual([]);
    });

    it('links to pages that there are', () => {
      const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link);
      expect(links.length).toBeGreaterThan(0);
      for (const link of links) expect(readPage(join('docs', page, '..', link))).not.toBe('');
    });
  });

  it('every page of a kind is linked', () => {
    const text = readPage(`docs/${overview}`);
    for (const page of kinds) expect(text).toContain(`/${basename(page)})`);
  });
}

/** What is installed when the shipped manifests are patched as a page says. */
export async function installedWith(kubectl: Kubectl, patch: string): Promise<string> {
  const directory = scratchDirectory('patch');
  cpSync(manifests, directory, { recursive: true });
  writeFileSync(join(directory, 'patch.yaml'), patch);
  const kustomization = { resources: ['base'], patches: [{ path: 'patch.yaml' }] };
  writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
  return kubectl(['kustomize', directory]);
}
