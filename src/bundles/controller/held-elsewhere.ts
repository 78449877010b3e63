import { type ReadObject, readPlaced } from '#bundles/controller/placement/read.ts';
import { readPublishedFile } from '#bundles/controller/target-file.ts';
import { selectedNamespaces } from '#bundles/controller/verify-placements.ts';
import { formats } from '#bundles/format/format.ts';
import type { FileTarget, NamedTarget, PlacementTarget } from '#bundles/target/named-target.ts';
import { type Claimant, isPublishedBy } from '#bundles/target/ownership.ts';
import { errorCode } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { encodePem } from '#x509/pem.ts';

export interface HeldElsewhereTools {
  readonly client: KubeClient;
  /** Namespaces that nothing is ever placed in. */
  readonly reserved: readonly string[];
  /** Of file targets. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** Certificates by fingerprint, as one object or file holds them. */
type Held = ReadonlyMap<string, Buffer>;

/** In so many namespaces they are looked for: in the first alone, which nearly always holds them all, then in a few at a time. */
const MOST_NAMESPACES = 33;
const AT_ONCE = 8;

/**
 * PEM of roots that no watch shows but some other target may hold: what was published is remembered by fingerprints, and those prove the bytes,
 * whoever has edited the object. Reads as long as one is missing. Throws KubeError.
 * @param wanted fingerprints
 */
export async function heldElsewhere(
  targets: readonly NamedTarget[],
  wanted: Iterable<string>,
  tools: HeldElsewhereTools,
): Promise<string> {
  const missing = new Set(wanted);
  const found = new Map<string, Buffer>();
  const take = (held: Held): void => {
    for (const [sha256, der] of held) if (missing.delete(sha256)) found.set(sha256, der);
  };
  for (const target of targets) {
    if (missing.size === 0) break;
    if (target.kind === 'file') take(await heldByFile(target, tools));
    else if (target.kind !== 'clusterTrustBundle') {
      await visit(target, tools, (held) => {
        take(held);
        return missing.size > 0;
      }).catch(ignoreForbidden);
    }
  }
  return pemOf(found);
}

/**
 * PEM of what stands in namespaces of an earlier TrustBundle of this name: of each target as the first object has it that is marked.
 * A file carries no mark. Throws KubeError.
 */
export async function heldFromBefore(
  targets: readonly NamedTarget[],
  claimant: Pick<Claimant, 'name' | 'trustDomain'>,
  tools: HeldElsewhereTools,
): Promise<string> {
  const found = new Map<string, Buffer>();
  for (const target of targets) {
    if (target.kind === 'file' || target.kind === 'clusterTrustBundle') continue;
    await visit(target, tools, (held, object) => {
      if (object === undefined || !isPublishedBy(claimant, object)) return true;
      for (const [sha256, der] of held) found.set(sha256, der);
      return false;
    }).catch(ignoreForbidden);
  }
  return pemOf(found);
}

function pemOf(held: Held): string {
  return [...held.values()].map((der) => encodePem('CERTIFICATE', der)).join('');
}

/** A file that cannot be read holds nothing: its own target says why. */
async function heldByFile({ name, spec }: FileTarget, { directory }: HeldElsewhereTools): Promise<Held> {
  const format = formats[spec.format];
  const held = await readPublishedFile({ directory, name, format }).catch(() => undefined);
  return held ?? new Map();
}

/** @param look false when that is enough; undefined: nothing stands there */
async function visit(
  target: PlacementTarget,
  { client, reserved, signal }: HeldElsewhereTools,
  look: (held: Held, object: ReadObject | undefined) => boolean,
): Promise<void> {
  const { kind, name, spec } = target;
  const selected = [...(await selectedNamespaces({ client, target, reserved, signal }))].toSorted();
  const keys = spec.keys.map(({ key }) => key);
  for (let from = 0, to = 1; from < Math.min(selected.length, MOST_NAMESPACES); from = to, to += AT_ONCE) {
    const some = selected.slice(from, to);
    const objects = await Promise.all(
      some.map((namespace) => readPlaced(client, { kind, namespace, name }, keys, signal)),
    );
    for (const object of objects) {
      const texts = spec.keys.map(({ key, format }) => formats[format].decode(object?.data.get(key) ?? ''));
      if (!look(new Map(texts.flatMap((held) => [...(held ?? [])])), object)) return;
    }
  }
}

/** The target itself says that rights are missing. */
function ignoreForbidden(error: unknown): void {
  if (errorCode(error) !== 'KUBE_FORBIDDEN') throw error;
}
