import { MangroveError } from '#errors/error.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const opening: readonly unknown[] = [0x7b, 0x5b];
const closing: readonly unknown[] = [0x7d, 0x5d];
const space = 0x20;

/**
 * Moves the base64 of `data[name]`, for each name that is `wanted`, out of the JSON of a Secret, into Buffers that whoever called
 * wipes. Spaces stand in its place, so that the rest may become strings and objects: a string with a key in it could never be
 * wiped. The bytes are walked over with their nesting, so that no label or annotation of the same name is taken for one of
 * them, or left for it.
 * @throws MangroveError KUBE_RESPONSE_INVALID for JSON that gives a name twice.
 */
export function cutData(json: Buffer, wanted: (name: string) => boolean): Map<string, Buffer> {
  const taken = new Map<string, Buffer>();
  let depth = 0;
  /** The last string; it is a name when a colon follows. */
  let text: Span = { start: 0, end: 0 };
  /** Whose value is to come; undefined before a name. */
  let name: Span | undefined;
  /** Of the outermost object, where we are. */
  let member = text;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) {
      text = { start: at + 1, end: endOfString(json, at + 1) };
      at = text.end;
      if (name !== undefined && depth === 2 && read(json, member) === 'data') {
        const key = read(json, name);
        if (!wanted(key)) continue;
        if (taken.has(key)) throw new MangroveError('KUBE_RESPONSE_INVALID', `a Secret has two ${key}`);
        taken.set(key, cut(json, text));
      }
    } else if (byte === colon) {
      name = text;
      if (depth === 1) member = text;
    } else if (byte === comma) {
      name = undefined;
    } else if (opening.includes(byte)) {
      depth++;
      name = undefined;
    } else if (closing.includes(byte)) {
      depth--;
    }
  }
  return taken;
}

const lastApplied = Buffer.from('"kubectl.kubernetes.io/last-applied-configuration":"');

/**
 * Puts spaces in the place of what `kubectl apply` keeps of an object, in its JSON as an API server writes it: of a Secret that is all of
 * its data once more. Within another string each quote of this name would stand behind a backslash.
 */
export function blankLastApplied(json: Buffer): void {
  for (let at = json.indexOf(lastApplied); at >= 0; at = json.indexOf(lastApplied, at)) {
    const start = at + lastApplied.length;
    at = endOfString(json, start);
    json.fill(space, start, at);
  }
}

function endOfString(json: Buffer, start: number): number {
  let at = start;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at;
}

function read(json: Buffer, { start, end }: Span): string {
  return json.toString('latin1', start, end);
}

function cut(json: Buffer, { start, end }: Span): Buffer {
  const taken = Buffer.alloc(end - start);
  json.copy(taken, 0, start, end);
  json.fill(space, start, end);
  return taken;
}
