import {
  boolean,
  embedded,
  integer,
  type Message,
  message,
  messages,
  nested,
  text,
  textMap,
  texts,
  time,
} from '#kube/protobuf/message.ts';

/**
 * Numbers: k8s.io/apimachinery pkg/apis/meta/v1/generated.proto and pkg/runtime/generated.proto. Where an empty value is kept: the JSON
 * tags of the types.go beside it.
 */

const ownerReference = message({
  1: text('kind', 'kept'),
  3: text('name', 'kept'),
  4: text('uid', 'kept'),
  5: text('apiVersion', 'kept'),
  6: boolean('controller'),
  7: boolean('blockOwnerDeletion'),
});

/**
 * Without managedFields (17), the larger half of most objects: nobody behind a watch reads them, and who writes back what it saw of a
 * signing request leaves them out, so that the API server keeps them. A zero creationTimestamp, as bookmarks have it, is not there, as
 * with servers of today; older ones say null.
 */
export const objectMeta: Message = message({
  1: text('name'),
  2: text('generateName'),
  3: text('namespace'),
  4: text('selfLink'),
  5: text('uid'),
  6: text('resourceVersion'),
  7: integer('generation'),
  8: time('creationTimestamp'),
  9: time('deletionTimestamp'),
  10: integer('deletionGracePeriodSeconds', 'kept'),
  11: textMap('labels'),
  12: textMap('annotations'),
  13: messages('ownerReferences', ownerReference),
  14: texts('finalizers'),
});

export const partialObjectMetadata: Message = message({ 1: nested('metadata', objectMeta) });

const listMeta = message({
  1: text('selfLink'),
  2: text('resourceVersion'),
  3: text('continue'),
  4: integer('remainingItemCount', 'kept'),
});

const statusCause = message({ 1: text('reason'), 2: text('message'), 3: text('field') });

const statusDetails = message({
  1: text('name'),
  2: text('group'),
  3: text('kind'),
  4: messages('causes', statusCause),
  5: integer('retryAfterSeconds'),
  6: text('uid'),
});

export const status: Message = message({
  1: nested('metadata', listMeta),
  2: text('status'),
  3: text('message'),
  4: text('reason'),
  5: nested('details', statusDetails),
  6: integer('code'),
});

/** runtime.RawExtension. */
const rawExtension = message({ 1: embedded('raw') });

export const watchEvent: Message = message({ 1: text('type'), 2: nested('object', rawExtension) });

const typeMeta = message({ 1: text('apiVersion'), 2: text('kind') });

/** runtime.Unknown, in which every object travels. */
export const unknown: Message = message({
  1: nested('typeMeta', typeMeta),
  2: embedded('raw'),
  3: text('contentEncoding'),
  4: text('contentType'),
});
