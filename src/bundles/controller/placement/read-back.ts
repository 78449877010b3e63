import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import { altered, examine } from '#bundles/controller/placement/place.ts';
import { configMapObject, type ReadObject } from '#bundles/controller/placement/read.ts';
import type { DesiredObject } from '#bundles/target/placed-object.ts';
import { OWNER_LABEL, ownerLabel } from '#bundles/target/placed-object.ts';
import { forgetContent, owesReadBack, type Placement } from '#bundles/target/placement.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';
import type { Step } from '#step.ts';

export interface ReadBackTask {
  readonly client: KubeClient;
  readonly order: OpenOrder;
  readonly desired: DesiredObject;
  /** Those whose content has to be looked at. */
  readonly owed: ReadonlySet<Placement>;
  readonly now: () => number;
  readonly onFailure: (placement: Placement, error: unknown) => void;
  readonly signal: AbortSignal;
  readonly step?: Step | undefined;
}

const mostPerPage = 16;
const pageBytes = 4 * MAX_BUNDLE_BYTES;

/**
 * Reads every ConfigMap of one target, page by page, and keeps nothing but what it found out: of a thousand namespaces a few pages are
 * in memory at a time. What is being worked on meanwhile is left to whoever works on it.
 */
export async function readAllBack(task: ReadBackTask): Promise<void> {
  const { client, order, desired, owed, signal, step } = task;
  await step?.('place/read-back');
  const unseen = new Map([...owed].map((placement) => [placement, placement.version]));
  /** A page is older than what was written meanwhile. */
  const isAlone = (placement: Placement): boolean =>
    !order.active.has(placement.namespace) && placement.version === unseen.get(placement);
  const limit = Math.max(1, Math.min(mostPerPage, Math.floor(pageBytes / desired.data.length)));
  const selection = {
    fieldSelector: `metadata.name=${desired.name}`,
    labelSelector: `${OWNER_LABEL}=${ownerLabel(desired.owner)}`,
    limit,
    signal,
  };
  let next: string | undefined;
  do {
    const page = await client.listPage<ConfigMap>(configMaps, selection, next);
    for (const raw of page.items) {
      const placement = order.placements.get(raw.metadata.namespace ?? '');
      if (placement === undefined || !unseen.has(placement)) continue;
      if (isAlone(placement)) look(configMapObject(raw), placement, task);
      unseen.delete(placement);
    }
    next = page.next;
  } while (next !== undefined);
  for (const placement of unseen.keys()) if (isAlone(placement)) forgetContent(placement);
}

function look(object: ReadObject, placement: Placement, task: ReadBackTask): void {
  const { desired, order, now } = task;
  const written = owesReadBack(placement, desired.digest) ? placement.version : undefined;
  const { growOnly } = order.order;
  try {
    const { words } = examine(object, { desired, placement, growOnly, now });
    if (words.length > 0 && object.metadata.resourceVersion === written) {
      throw altered({ desired, placement }, words);
    }
  } catch (error) {
    task.onFailure(placement, error);
  }
}
