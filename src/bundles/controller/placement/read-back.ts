import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import type { OpenOrder } from '#bundles/controller/placement/order.ts';
import { altered, examine } from '#bundles/controller/placement/place.ts';
import { configMapObject, type ReadObject, readPlaced } from '#bundles/controller/placement/read.ts';
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
  /** As when the wish was made. */
  readonly growOnly: boolean;
  /** Those whose content has to be looked at. */
  readonly owed: ReadonlySet<Placement>;
  readonly now: () => number;
  readonly onFailure: (placement: Placement, error: unknown) => void;
  readonly signal: AbortSignal;
  readonly step?: Step | undefined;
}

/** So few are read one by one, and so many at a time: a list by name makes the server look at every ConfigMap that there is. */
const few = 4;
const mostPerPage = 16;
const pageBytes = 4 * MAX_BUNDLE_BYTES;

/** Reads what is owed, in whichever way costs less. What is being worked on meanwhile is left to whoever works on it. */
export async function readOwedBack(task: ReadBackTask): Promise<void> {
  const { owed, signal, step } = task;
  await step?.('place/read-back');
  // To list Secrets would be to read them all.
  if (owed.size > few && task.desired.kind === 'configMap') return readPages(task);
  const waiting = [...owed];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await readOne(next, task);
  };
  await Promise.all(Array.from({ length: few }, () => work()));
  signal.throwIfAborted();
}

async function readOne(placement: Placement, task: ReadBackTask): Promise<void> {
  const { client, order, desired, onFailure, signal } = task;
  const { namespace, version } = placement;
  const isAlone = (): boolean => !order.active.has(namespace) && placement.version === version;
  const place = { kind: desired.kind, namespace, name: desired.name };
  const keys = desired.rendered.keys.map(({ key }) => key);
  try {
    const object = await readPlaced(client, place, keys, signal);
    if (!isAlone()) return;
    if (object === undefined) forgetContent(placement);
    else look(object, placement, task);
  } catch (error) {
    if (!signal.aborted && isAlone()) onFailure(placement, error);
  }
}

/**
 * Reads every ConfigMap of one target, page by page, and keeps nothing but what it found out: of a thousand namespaces a few pages are
 * in memory at a time.
 */
async function readPages(task: ReadBackTask): Promise<void> {
  const { client, order, desired, owed, signal } = task;
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
  const { desired, growOnly, now } = task;
  const written = owesReadBack(placement, desired.digest) ? placement.version : undefined;
  try {
    const { words } = examine(object, { desired, placement, growOnly, now });
    if (words.length > 0 && object.metadata.resourceVersion === written) {
      throw altered({ desired, placement }, words);
    }
  } catch (error) {
    task.onFailure(placement, error);
  }
}
