import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { packageRoot } from '#sandbox/package-root.ts';
import { run } from '#sandbox/run.ts';
import { binaries } from '../support/control-plane.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export const root = packageRoot();

export function file(...path: readonly string[]): string {
  return readFileSync(join(root, ...path), 'utf8');
}

/** What `kubectl apply -k manifests` sends. */
export async function built(): Promise<Manifest[]> {
  const { code, stdout, stderr } = await run(binaries().kubectl, ['kustomize', join(root, 'manifests')]);
  if (code !== 0) throw new Error(stderr);
  return loadAll(stdout) as Manifest[];
}

export function find(manifests: readonly Manifest[], kind: string, name = 'mangrove'): Manifest {
  const found = manifests.filter((one) => one.kind === kind && one.metadata.name.startsWith(name));
  const [one] = found;
  if (one === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name}`);
  return one;
}
