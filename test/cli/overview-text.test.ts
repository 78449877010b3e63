import { expect, test } from 'vitest';
import type { Overview } from '#bundles/bundle/overview.ts';
import { overviewText } from '#cli/bundle/text.ts';

const target = { kind: 'configMap', name: 'roots' } as const;

function shown(...targets: Overview['targets']): string[] {
  const overview = { name: 'a', trustDomain: 'a', outdated: false, roots: [], sources: [], targets };
  return overviewText([overview])
    .split('\n')
    .map((line) => line.replaceAll(/ {2,}/g, ' | '));
}

test('a target in namespaces tells how many hold it, and of those that refuse it why', () => {
  const failures = [{ namespace: 'web', error: 'exceeded quota' }];
  const lines = shown({ ...target, namespaces: 1_000, holding: 998, failing: 1, failures });
  expect(lines).toContain('configMap/roots | - | 998 of 1000, 1 failing | - | - | - | -');
  expect(lines).toContain('FAILING TARGET | NAMESPACE | ERROR');
  expect(lines).toContain('configMap/roots | web | exceeded quota');
});

test('a target that is one object has no namespaces, and where none refuses there is no table of them', () => {
  const lines = shown({ kind: 'file', name: 'roots.pem' }, { ...target, namespaces: 2, holding: 2 });
  expect(lines).toContain('file/roots.pem | - | - | - | - | - | -');
  expect(lines).toContain('configMap/roots | - | 2 of 2 | - | - | - | -');
  expect(lines.join()).not.toContain('FAILING');
});
