import {
  base64,
  integer,
  type Message,
  message,
  messages,
  nested,
  text,
  texts,
  textsMap,
  time,
} from '#kube/protobuf/message.ts';
import { objectMeta } from '#kube/protobuf/meta.ts';

/** Numbers: k8s.io/api certificates/v1/generated.proto; where an empty value is kept: the JSON tags of its types.go. */

const spec = message(
  {
    1: base64('request'),
    2: text('username'),
    3: text('uid'),
    4: texts('groups'),
    5: texts('usages'),
    6: textsMap('extra'),
    7: text('signerName', 'kept'),
    8: integer('expirationSeconds', 'kept'),
  },
  { request: null },
);

const condition = message({
  1: text('type', 'kept'),
  2: text('reason'),
  3: text('message'),
  4: time('lastUpdateTime', 'kept'),
  5: time('lastTransitionTime', 'kept'),
  6: text('status', 'kept'),
});

const status = message({ 1: messages('conditions', condition), 2: base64('certificate') });

export const certificateSigningRequest: Message = message({
  1: nested('metadata', objectMeta),
  2: nested('spec', spec),
  3: nested('status', status),
});
