import { MangroveError } from '#errors/error.ts';
import { type Intent, outcome, type Result, recordKind } from '#ledger/record.ts';

/** One write, as the store applies it. */
export type Write =
  | { readonly op: 'intent'; readonly intent: Intent }
  | { readonly op: 'result'; readonly result: Result }
  | { readonly op: 'check' };

/**
 * Writes of one commit on their way to the store's thread: texts and numbers in one flat list, all binaries in one
 * transferred block. Per record that costs a third of cloning objects, and a Buffer's pool is never cloned along.
 */
export interface PackedBatch {
  readonly fields: readonly (string | number)[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface BatchBuilder {
  readonly size: () => number;
  /** Copies what it is given: the caller's Buffers may change at once. */
  readonly addIntent: (intent: Intent) => void;
  readonly addResult: (result: Result) => void;
  readonly addCheck: () => void;
  readonly pack: () => PackedBatch;
}

const initialBytes = 4096;
/** Serial with its length byte, and two digests. */
const maxRecordBytes = 21 + 64;

export function createBatch(): BatchBuilder {
  const fields: (string | number)[] = [];
  let bytes = new Uint8Array(initialBytes);
  let used = 0;
  let size = 0;

  function reserve(): void {
    if (used + maxRecordBytes <= bytes.length) return;
    const larger = new Uint8Array(bytes.length * 2);
    larger.set(bytes);
    bytes = larger;
  }

  function put(part: Uint8Array): void {
    bytes.set(part, used);
    used += part.length;
  }

  function putSerial(serial: Uint8Array): void {
    bytes[used++] = serial.length;
    put(serial);
  }

  return {
    size: () => size,
    addIntent(intent) {
      reserve();
      putSerial(intent.serial);
      put(intent.spkiSha256);
      put(intent.tbsSha256);
      fields.push(
        'intent',
        intent.kind,
        intent.authority,
        intent.issuer,
        intent.frontDoor,
        intent.requestUid,
      );
      fields.push(intent.identity, intent.notBefore, intent.notAfter, intent.recordedAt);
      size++;
    },
    addResult(result) {
      reserve();
      putSerial(result.serial);
      const digest = result.certificateSha256;
      if (digest !== undefined) put(digest);
      fields.push('result', result.outcome, result.recordedAt, digest?.length ?? 0);
      size++;
    },
    addCheck() {
      fields.push('check');
      size++;
    },
    pack: () => ({ fields, bytes: bytes.subarray(0, used) }),
  };
}

/** The writes of a batch in the order in which they were added; their Buffers are views of its block. */
export function unpackBatch(batch: PackedBatch): Write[] {
  const { fields } = batch;
  const block = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
  const writes: Write[] = [];
  let field = 0;
  let offset = 0;

  function text(): string {
    const value = fields[field++];
    return typeof value === 'string' ? value : malformed();
  }
  function number(): number {
    const value = fields[field++];
    return typeof value === 'number' ? value : malformed();
  }
  function take(length: number): Buffer {
    const part = block.subarray(offset, offset + length);
    offset += length;
    return part;
  }
  const takeSerial = (): Buffer => take(block[offset++] ?? malformed());

  while (field < fields.length) {
    switch (text()) {
      case 'intent': {
        const [serial, spkiSha256, tbsSha256] = [takeSerial(), take(32), take(32)];
        const intent: Intent = {
          serial,
          kind: recordKind(text()),
          authority: text(),
          issuer: text(),
          frontDoor: text(),
          requestUid: text(),
          identity: text(),
          spkiSha256,
          tbsSha256,
          notBefore: number(),
          notAfter: number(),
          recordedAt: number(),
        };
        writes.push({ op: 'intent', intent });
        break;
      }
      case 'result': {
        const [serial, outcomeText, recordedAt, length] = [takeSerial(), text(), number(), number()];
        const certificateSha256 = length === 0 ? undefined : take(length);
        writes.push({
          op: 'result',
          result: { serial, outcome: outcome(outcomeText), certificateSha256, recordedAt },
        });
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
