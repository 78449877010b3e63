import { metadataAnswer, patchOf } from '#bundles/controller/placement/answer.ts';
import {
  describePlace,
  type Place,
  type ReadObject,
  readPlaced,
} from '#bundles/controller/placement/read.ts';
import { requireGrowth } from '#bundles/target/growth.ts';
import { requireOwned } from '#bundles/target/ownership.ts';
import {
  type Basis,
  correctionOf,
  creationOf,
  type DesiredObject,
  type Differences,
  differencesOf,
  isCreated,
  rootsHeld,
} from '#bundles/target/placed-object.ts';
import {
  type Decision,
  forgetContent,
  noteKnown,
  noteSuperseded,
  owesReadBack,
  type Placement,
} from '#bundles/target/placement.ts';
import { MangroveError } from '#errors/error.ts';
import { fieldManager, type KubeClient } from '#kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#kube/error.ts';
import type { AnyObject } from '#kube/object.ts';
import type { Step } from '#step.ts';

export interface PlacementTask {
  readonly client: KubeClient;
  readonly desired: DesiredObject;
  readonly placement: Placement;
  /** A source is unread: nothing may leave the object. */
  readonly growOnly: boolean;
  /** False: something else is wished for by now, or nothing, as when another replica leads. Nothing is written any more. */
  readonly isWished: () => boolean;
  /** Else it is only looked at. */
  readonly held: boolean;
  /** Wall clock, ms. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly step?: Step | undefined;
}

export interface Settled {
  readonly outcome: 'unchanged' | 'created' | 'updated' | 'unheld';
  /** What was put right, in words. */
  readonly changed: readonly string[];
}

/** Somebody who writes at the same time makes us read again; after so many rounds it is for the queue to wait. */
const ROUNDS = 3;

/**
 * Makes one object what it should be, beginning with what was decided. Every write is a create or a patch with the version that it
 * builds on: it touches our keys and marks alone, needs no copy of the rest, and costs the server a third of a server-side apply.
 * Undefined: that is not wished for any more.
 * @throws MangroveError BUNDLE_TARGET_FOREIGN, BUNDLE_TARGET_ALTERED, BUNDLE_SOURCE_PENDING, KUBE_*
 */
export async function place(task: PlacementTask, decision: Decision): Promise<Settled | undefined> {
  let next: Decision = decision;
  const written = owesReadBack(task.placement, task.desired.digest) ? task.placement.version : undefined;
  for (let round = 1; round <= ROUNDS; round += 1) {
    if (next !== 'read' && !task.held) return { outcome: 'unheld', changed: [] };
    if (next === 'create') {
      if (await create(task)) return { outcome: 'created', changed: ['object'] };
      next = 'read';
    }
    if (next === 'patch') {
      if (await patchKnown(task)) return { outcome: 'updated', changed: ['bundle'] };
      next = 'read';
    }
    if (!task.isWished()) return undefined;
    const object = await read(task);
    if (!task.isWished()) return undefined;
    if (object === undefined) {
      next = 'create';
      continue;
    }
    const found = examine(object, task);
    if (found.words.length === 0) return { outcome: 'unchanged', changed: [] };
    if (written !== undefined && written === object.metadata.resourceVersion)
      throw altered(task, found.words);
    if (!task.held) return { outcome: 'unheld', changed: [] };
    if (await patch(task, basisOf(object), found)) return { outcome: 'updated', changed: found.words };
  }
  throw new MangroveError(
    'BUNDLE_TARGET_ALTERED',
    `${describePlace(placeOf(task))}: somebody else wrote it at the same time, ${ROUNDS} times in a row`,
  );
}

/** What counts is what a reader gets. @throws MangroveError BUNDLE_TARGET_ALTERED, KUBE_* */
export async function readBack(task: PlacementTask): Promise<void> {
  await task.step?.('place/read-back');
  const object = await read(task);
  const differing = object === undefined ? ['object'] : examine(object, task).words;
  if (differing.length > 0) throw altered(task, differing);
}

/** As when an admission plug-in rewrites what we write. */
export function altered(
  task: Pick<PlacementTask, 'desired' | 'placement'>,
  differing: readonly string[],
): MangroveError {
  forgetContent(task.placement);
  return new MangroveError(
    'BUNDLE_TARGET_ALTERED',
    `${describePlace(placeOf(task))} was written, but read back it differs in: ${differing.join(', ')}`,
  );
}

function placeOf({
  desired: { kind, name },
  placement: { namespace },
}: Pick<PlacementTask, 'desired' | 'placement'>): Place {
  return { kind, namespace, name };
}

function basisOf({ metadata: { uid, resourceVersion } }: ReadObject): Basis {
  return { uid, resourceVersion };
}

async function read(task: PlacementTask): Promise<ReadObject | undefined> {
  const object = await readPlaced(task.client, placeOf(task), task.desired.keys, task.signal);
  if (object === undefined) forgetContent(task.placement);
  return object;
}

/**
 * What differs in an object that is ours, which is noted as what is known of it.
 * @throws MangroveError BUNDLE_TARGET_FOREIGN, BUNDLE_SOURCE_PENDING
 */
export function examine(
  object: ReadObject,
  task: Pick<PlacementTask, 'desired' | 'placement' | 'growOnly' | 'now'>,
): Differences & { readonly created: boolean } {
  const { desired, placement } = task;
  const { uid, namespace = '', resourceVersion: version } = object.metadata;
  const what = describePlace({ ...desired, namespace });
  const { trustDomain } = desired.rendered.bundle;
  const { owner: name, adopt: adopts } = desired;
  requireOwned(object, { name, trustDomain, knownUid: placement.uid, adopts }, what);
  if (task.growOnly) requireGrowth(what, rootsHeld(object, desired), desired.rendered.bundle);
  const created = isCreated(object) || (placement.created && placement.uid === uid);
  const found = differencesOf(object, desired, created);
  const holds = found.words.length === 0;
  const known = { uid, version, digest: holds ? desired.digest : undefined, keys: found.stale, created };
  noteKnown(placement, known, holds ? task.now() : undefined);
  return { ...found, created };
}

/** False when somebody was faster. */
async function create(task: PlacementTask): Promise<boolean> {
  const { client, desired, signal, step } = task;
  const { kind, namespace } = placeOf(task);
  await step?.('place/write');
  try {
    const query = { fieldManager };
    const call = { method: 'POST', query, body: creationOf(desired, namespace), signal } as const;
    const object = await metadataAnswer(client, { kind, namespace }, call);
    supersede(task, '');
    noteWritten(object, task, true);
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

/** No watch shows a Secret, so none can be late. */
function supersede({ desired, placement }: PlacementTask, version: string | undefined): void {
  if (desired.kind === 'configMap' && version !== undefined) noteSuperseded(placement, version);
}

/** Of the object as it was last read or written. */
function patchKnown(task: PlacementTask): Promise<boolean> {
  const { desired, placement } = task;
  const { uid, version: resourceVersion, created } = placement;
  const stale = desired.prunes ? placement.keys.filter((key) => !desired.keys.includes(key)) : [];
  return patch(task, { uid, resourceVersion }, { content: true, stale, created });
}

/** False when the object changed or vanished in between. */
async function patch(
  task: PlacementTask,
  { uid, resourceVersion }: Basis,
  found: Pick<Differences, 'content' | 'stale'> & { readonly created: boolean },
): Promise<boolean> {
  const { client, desired, placement, signal, step } = task;
  const body = correctionOf(desired, { uid, resourceVersion }, found);
  await step?.('place/write');
  try {
    const object = await patchOf(client, placeOf(task), body, signal);
    supersede(task, resourceVersion);
    noteWritten(object, task, found.created);
    return true;
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
    forgetContent(placement);
    return false;
  }
}

function noteWritten({ metadata }: AnyObject, { desired, placement }: PlacementTask, created: boolean): void {
  const { uid, resourceVersion: version } = metadata;
  noteKnown(placement, { uid, version, digest: desired.digest, keys: desired.keys, created }, undefined);
}
