import { invalid, type ProtobufReader, wireType } from '#kube/protobuf/reader.ts';
import { readTimestamp } from '#kube/protobuf/timestamp.ts';

export type Json = Record<string, unknown>;

/** One message of a generated.proto, as far as we read it. */
export interface Message {
  /** By number. */
  readonly fields: readonly (Field | undefined)[];
  /** What JSON has for fields that are not on the wire: values that nobody changes. */
  readonly absent: Json;
}

export interface Field {
  readonly wireType: number;
  /** Reads the value and puts it where JSON has it. */
  readonly put: (object: Json, reader: ProtobufReader) => void;
}

export function message(fields: Readonly<Record<number, Field>>, absent: Json = {}): Message {
  const byNumber: (Field | undefined)[] = [];
  for (const [number, field] of Object.entries(fields)) byNumber[Number(number)] = field;
  return { fields: byNumber, absent };
}

/**
 * The object that JSON.parse would give for the same message. A number without a field is skipped, and of a field that comes twice, though
 * it is no list, the last stands.
 */
export function readMessage(reader: ProtobufReader, { fields, absent }: Message): Json {
  const object: Json = { ...absent };
  while (!reader.done) {
    const tag = reader.tag();
    const field = fields[tag >>> 3];
    if (field === undefined) reader.skip(tag);
    else if (field.wireType === (tag & 7)) field.put(object, reader);
    else throw invalid('a field has the wrong wire type');
  }
  return object;
}

/**
 * Whether a value that Go calls empty is left out (omitempty), or stays: there is no omitempty, or the field is a pointer. Go writes an
 * empty value too, unless it is a pointer's, so the wire does not tell.
 */
export type Empty = 'omitted' | 'kept';

export function text(name: string, empty: Empty = 'omitted'): Field {
  return scalar(name, wireType.bytes, empty, '', (reader) => reader.text());
}

/** `bytes`. */
export function base64(name: string): Field {
  return scalar(name, wireType.bytes, 'omitted', '', (reader) => reader.base64());
}

/** `int32` or `int64`. */
export function integer(name: string, empty: Empty = 'omitted'): Field {
  return scalar(name, wireType.varint, empty, 0, (reader) => reader.integer());
}

/** A pointer to a `bool`. */
export function boolean(name: string): Field {
  return scalar(name, wireType.varint, 'kept', false, (reader) => reader.boolean());
}

/** `Time`: an empty one that is kept is null. */
export function time(name: string, empty: Empty = 'omitted'): Field {
  return scalar(name, wireType.bytes, empty, null, (reader) => readTimestamp(reader.message()) ?? null);
}

/** A message that is not a pointer, or whose presence alone says something: `{}` stays. */
export function nested(name: string, of: Message): Field {
  return scalar(name, wireType.bytes, 'kept', undefined, (reader) => readMessage(reader.message(), of));
}

/** `bytes` with another message in it, which somebody else reads: a ProtobufReader. */
export function embedded(name: string): Field {
  return scalar(name, wireType.bytes, 'kept', undefined, (reader) => reader.message());
}

export function texts(name: string): Field {
  return list(name, (reader) => reader.text());
}

export function messages(name: string, of: Message): Field {
  return list(name, (reader) => readMessage(reader.message(), of));
}

/** `map<string, string>`. */
export function textMap(name: string): Field {
  return map(
    name,
    (reader) => reader.text(),
    () => '',
  );
}

const extraValue = message({ 1: texts('items') });

/** `map<string, ExtraValue>`: a message with `repeated string items = 1`, in JSON a bare list. */
export function textsMap(name: string): Field {
  return map(
    name,
    (reader) => readMessage(reader.message(), extraValue)['items'],
    () => [],
  );
}

function scalar<T>(
  name: string,
  type: number,
  empty: Empty,
  emptyValue: T,
  read: (reader: ProtobufReader) => T,
): Field {
  return {
    wireType: type,
    put(object, reader) {
      const value = read(reader);
      if (value !== emptyValue || empty === 'kept') object[name] = value;
    },
  };
}

function list(name: string, read: (reader: ProtobufReader) => unknown): Field {
  return {
    wireType: wireType.bytes,
    put(object, reader) {
      const value = read(reader);
      const held = object[name];
      if (Array.isArray(held)) held.push(value);
      else object[name] = [value];
    },
  };
}

const keyTag = (1 << 3) | wireType.bytes;
const valueTag = (2 << 3) | wireType.bytes;

/** Each entry is a message with a key and a value. */
function map(name: string, read: (reader: ProtobufReader) => unknown, absent: () => unknown): Field {
  return {
    wireType: wireType.bytes,
    put(object, reader) {
      const entry = reader.message();
      let key = '';
      let value: unknown;
      while (!entry.done) {
        const tag = entry.tag();
        if (tag === keyTag) key = entry.text();
        else if (tag === valueTag) value = read(entry);
        else entry.skip(tag);
      }
      setOwn((object[name] ??= {}) as Json, key, value ?? absent());
    },
  };
}

/** As JSON.parse does: to assign this one name would set the prototype. */
function setOwn(object: Json, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
}
