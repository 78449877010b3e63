import { describe, expect, it } from 'vitest';
import { type LabelSelector, type Labels, selectorText, selects } from '#bundles/bundle/label-selector.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { controlPlane } from '../../support/control-plane.ts';
import { apply } from '../support/permissions.ts';

/** Objects of every sort that a requirement can tell apart. */
const objects: Readonly<Record<string, Labels>> = {
  none: {},
  a: { tier: 'a' },
  b: { tier: 'b', legacy: '' },
  both: { tier: 'a', legacy: 'yes' },
  odd: { constructor: 'x', 'example.com/tier': 'a' },
};

const selectors: readonly LabelSelector[] = [
  { matchLabels: { tier: 'a' } },
  { matchLabels: { tier: 'a', legacy: 'yes' } },
  { matchLabels: { legacy: '' } },
  { matchLabels: { 'example.com/tier': 'a' } },
  { matchExpressions: [{ key: 'tier', operator: 'In', values: ['b', 'a'] }] },
  { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['a'] }] },
  { matchExpressions: [{ key: 'legacy', operator: 'Exists' }] },
  { matchExpressions: [{ key: 'legacy', operator: 'DoesNotExist' }] },
  { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] },
  { matchExpressions: [{ key: 'constructor', operator: 'DoesNotExist' }] },
  { matchLabels: { tier: 'a' }, matchExpressions: [{ key: 'legacy', operator: 'DoesNotExist' }] },
];

async function kubectlSelects(kubectl: Kubectl, namespace: string, selector: string): Promise<string[]> {
  const names = await kubectl(['get', 'configmaps', '-n', namespace, '-l', selector, '-o', 'name']);
  return names.split('\n').filter(Boolean).toSorted();
}

describe('a label selector', () => {
  it('selects what kubectl selects by its text', async () => {
    const { kubectl } = await controlPlane();
    const namespace = 'label-selector-test';
    const maps = Object.entries(objects).map(([name, labels]) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels },
    }));
    const place = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await apply(kubectl, { apiVersion: 'v1', kind: 'List', items: [place, ...maps] });
    for (const selector of selectors) {
      const ours = Object.keys(objects).filter((name) => selects(selector, objects[name]));
      expect(ours.map((name) => `configmap/${name}`).toSorted(), selectorText(selector)).toEqual(
        await kubectlSelects(kubectl, namespace, selectorText(selector)),
      );
    }
  });

  it('holds for an object without labels when it asks for the absence of one', () => {
    expect(selects({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] })).toBe(true);
    expect(selects({ matchLabels: { a: '' } })).toBe(false);
  });

  it('has one text for one meaning, whatever the order', () => {
    const one = selectorText({
      matchLabels: { b: '2', a: '1' },
      matchExpressions: [{ key: 'c', operator: 'In', values: ['y', 'x'] }],
    });
    const other = selectorText({
      matchLabels: { a: '1', b: '2' },
      matchExpressions: [{ key: 'c', operator: 'In', values: ['x', 'y'] }],
    });
    expect(one).toBe('a=1,b=2,c in (x,y)');
    expect(other).toBe(one);
  });
});
