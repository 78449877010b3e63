import { expect } from 'vitest';
import type { PlacementScene } from './placements.ts';
import { eventually } from './publisher.ts';
import { type OpenScene, openScene } from './scene.ts';

export const absent = { code: 'KUBE_NOT_FOUND' };

/** A scene whose controllers may write, and delete, every kind of target. */
export function openDeletionScene(name: string): Promise<OpenScene> {
  return openScene(name, [
    'configmap-targets',
    'secret-targets',
    'clustertrustbundle-deletion',
    'configmap-deletion',
    'secret-deletion',
  ]);
}

export function secretTarget(placed: PlacementScene, test: string) {
  return { secret: { name: 'roots', namespaceSelector: placed.selector(test) } };
}

export function untilGone(look: () => Promise<unknown>): Promise<boolean> {
  return eventually(async () => {
    await expect(look()).rejects.toMatchObject(absent);
    return true;
  });
}
