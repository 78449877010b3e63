import { MangroveError } from '#errors/error.ts';
import { type Intent, outcome, type Result, recordKind } from '#ledger/record.ts';

/** One write, as the store applies it. */
export type Write =
  | { readonly op: 'intent'; readonly intent: Intent }
  | { readonly op: 'result'; readonly result: Result }
  | { readonly op: 'check' };

/**
 * Writes of one commit on their way to the store's thread: their texts and numbers in one flat list, which costs a
 * third of cloning objects.
 */
export type PackedBatch = readonly Field[];

type Field = string | number;

export interface BatchBuilder {
  readonly size: () => number;
  readonly addIntent: (intent: Intent) => void;
  readonly addResult: (result: Result) => void;
  readonly addCheck: () => void;
  readonly pack: () => PackedBatch;
}

export function createBatch(): BatchBuilder {
  const fields: Field[] = [];
  let size = 0;
  return {
    size: () => size,
    addIntent(intent) {
      fields.push('intent', intent.serial, intent.kind, intent.authority, intent.issuer, intent.frontDoor);
      fields.push(intent.requestUid, intent.identity, intent.spkiSha256, intent.tbsSha256);
      fields.push(intent.notBefore, intent.notAfter, intent.recordedAt);
      size++;
    },
    addResult(result) {
      fields.push('result', result.serial, result.outcome, result.certificateSha256 ?? '', result.recordedAt);
      size++;
    },
    addCheck() {
      fields.push('check');
      size++;
    },
    pack: () => fields,
  };
}

/** The writes of a batch in the order in which they were added. */
export function unpackBatch(fields: PackedBatch): Write[] {
  const writes: Write[] = [];
  let at = 0;

  function text(): string {
    const value = fields[at++];
    return typeof value === 'string' ? value : malformed();
  }
  function number(): number {
    const value = fields[at++];
    return typeof value === 'number' ? value : malformed();
  }

  while (at < fields.length) {
    switch (text()) {
      case 'intent': {
        const intent: Intent = {
          serial: text(),
          kind: recordKind(text()),
          authority: text(),
          issuer: text(),
          frontDoor: text(),
          requestUid: text(),
          identity: text(),
          spkiSha256: text(),
          tbsSha256: text(),
          notBefore: number(),
          notAfter: number(),
          recordedAt: number(),
        };
        writes.push({ op: 'intent', intent });
        break;
      }
      case 'result': {
        const result: Result = {
          serial: text(),
          outcome: outcome(text()),
          certificateSha256: text() || undefined,
          recordedAt: number(),
        };
        writes.push({ op: 'result', result });
        break;
      }
      case 'check':
        writes.push({ op: 'check' });
        break;
      default:
        malformed();
    }
  }
  return writes;
}

function malformed(): never {
  throw new MangroveError('LEDGER_RECORD_INVALID', 'a record is not in the form that the ledger keeps');
}
