import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Kubectl } from '#sandbox/kubectl.ts';
import { packageRoot } from '#sandbox/package-root.ts';

export const manifests = join(packageRoot(), 'manifests');

/** Applies what all tests of a run share: the shipped CRDs. Everything else belongs to one test's `scope`. */
export async function applyShared(kubectl: Kubectl): Promise<void> {
  const crds = join(manifests, 'crds');
  if (!existsSync(crds)) return;
  await kubectl(['apply', '--server-side', '-f', crds]);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '-f', crds]);
}
