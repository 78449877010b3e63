import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#sandbox/package-root.ts';

export const docs = join(packageRoot(), 'docs');

/** A document of this repository. */
export const readPage = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');

/** The text below a heading, up to the next one of its level. */
export function section(page: string, heading: string): string {
  return page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
}

/** The blocks of a language, one after the other. */
export function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(
    ([, block = '']) => block,
  );
}
