import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { apply } from '../bundles/support/permissions.ts';
import { makeRoot } from '../bundles/support/roots.ts';
import { known, type OpenScene, openScene } from '../bundles/support/scene.ts';
import { type Sources, sourcesOf } from '../bundles/support/sources.ts';
import { chapterOf, installedWith, testPages } from './support/chapter.ts';
import { blocks, readPage } from './support/page.ts';

const chapter = chapterOf('sources');
const pages = [chapter.overview, ...chapter.kinds];
const yamlBlocks = (page: string): string[] => blocks(readPage(`docs/${page}`), 'yaml');

/** The root of the examples, as people paste it. */
const examplePem = `${/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/s
  .exec(readPage('docs/sources/configmap.md'))?.[0]
  .replaceAll(/^ +/gm, '')}\n`;
const example = parseAnchorsPem(examplePem)[0]?.sha256;

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('docs-sources');
  sources = sourcesOf(scene);
  mkdirSync(scene.directory, { recursive: true });
  writeFileSync(join(scene.directory, 'corporate'), examplePem);
});

afterAll(() => scene.client.close());

/** The objects of an example, in places that belong to this test. */
function objects(block: string, domain: string): unknown[] {
  return loadAll(
    block
      .replaceAll('signerName: mangrove.dev/workload', `signerName: bundles.test/${domain}`)
      .replaceAll(/example\.org$/gm, domain)
      .replaceAll('mangrove-trust', scene.sources),
  );
}

describe('the first example of each page is published', () => {
  it.each(pages)('%s', async (page) => {
    const domain = `${basename(page, '.md')}.docs.test`;
    const publisher = sources.start(domain);
    publisher.setAuthority('mesh', known(domain, await makeRoot()));
    await apply(scene.kubectl, ...objects(yamlBlocks(page)[0] ?? '', domain));
    const { status } = await scene.untilCondition(domain, 'Ready', { status: 'True' });
    const anchors = status?.anchors?.map(({ sha256 }) => sha256) ?? [];
    if (page === 'sources/public-roots.md') expect(anchors.length).toBeGreaterThan(100);
    else if (['sources.md', 'sources/authority.md'].includes(page)) expect(anchors).toHaveLength(1);
    else expect(anchors).toEqual([example]);
  });
});

describe('every other example', () => {
  it('is a TrustBundle that the API server takes', async () => {
    const others = pages.flatMap((page) => yamlBlocks(page).slice(1));
    const bundles = others.filter((block) => block.includes('kind: TrustBundle'));
    expect(bundles.length).toBeGreaterThan(0);
    for (const block of bundles) {
      const input = JSON.stringify(objects(block, 'other.docs.test')[0]);
      await scene.kubectl(['create', '--dry-run=server', '-f', '-'], { input });
    }
  });

  it('is a patch that mounts a volume where the controller is told to look', async () => {
    const [, patch = ''] = yamlBlocks('sources/file.md');
    const patched = await installedWith(scene.kubectl, patch);
    expect(patched).toContain('mountPath: /sources/corporate');
    expect(patched).toContain('mountPath: /etc/mangrove');
  });
});

testPages(chapter);
