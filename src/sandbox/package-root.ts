import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory that holds package.json, controlplane/ and manifests/, from the sources as well as from dist/. */
export function packageRoot(from: string = import.meta.dirname): string {
  const parent = dirname(from);
  if (existsSync(join(from, 'package.json')) || parent === from) return from;
  return packageRoot(parent);
}
