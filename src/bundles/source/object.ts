import { type Anchor, parseAnchorsPem } from '#bundles/bundle/anchor.ts';
import { type LabelSelector, type Labels, selectorText, selects } from '#bundles/bundle/label-selector.ts';
import { errorCode, errorMessage, MangroveError } from '#errors/error.ts';

/** What a source needs of a ConfigMap or a Secret. */
export interface SourceObject {
  readonly name: string;
  readonly labels: Labels;
  /** PEM by key. */
  readonly data: ReadonlyMap<string, string | Buffer>;
}

/** Which objects are meant, and what of them. */
export interface ObjectSelection {
  /** `ConfigMap` or `Secret`, for messages. */
  readonly kind: string;
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly selector?: LabelSelector | undefined;
  /** Keys, with `*` for any characters. */
  readonly keys: readonly string[];
}

/** Whether this object is meant. */
export function isSelected(
  { name, selector }: ObjectSelection,
  object: Pick<SourceObject, 'name' | 'labels'>,
): boolean {
  if (name !== undefined) return object.name === name;
  return selector !== undefined && selects(selector, object.labels);
}

/**
 * The anchors of all objects that are meant. One damaged key of one object fails the whole: a set with a hole in it is not what
 * the operator asked for, and what was there before stays.
 * @throws MangroveError BUNDLE_SOURCE_NOT_FOUND, BUNDLE_SOURCE_KEY_MISSING, BUNDLE_PEM_INVALID, BUNDLE_ANCHOR_*
 */
export function objectAnchors(selection: ObjectSelection, objects: readonly SourceObject[]): Anchor[] {
  if (objects.length === 0) {
    const { kind, namespace, name, selector } = selection;
    const which = name === undefined ? `with the labels ${selectorText(selector ?? {})}` : name;
    throw new MangroveError(
      'BUNDLE_SOURCE_NOT_FOUND',
      `there is no ${kind} ${which} in namespace ${namespace}`,
    );
  }
  return objects.toSorted(byName).flatMap((object) => anchorsOf(selection, object));
}

function anchorsOf({ kind, keys }: ObjectSelection, { name, data }: SourceObject): Anchor[] {
  const where = `${kind} ${name}`;
  const chosen = [...data].filter(([key]) => keys.some((pattern) => matches(pattern, key)));
  if (chosen.length === 0) {
    const there = data.size === 0 ? 'it has none that could be one' : `it has ${keyList([...data.keys()])}`;
    throw new MangroveError(
      'BUNDLE_SOURCE_KEY_MISSING',
      `${where} has no key ${keys.join(' or ')}; ${there}`,
    );
  }
  return chosen
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, text]) => named(`${where}, key ${key}`, text));
}

/** Says whose fault it is; the message below never quotes the text. */
export function named(where: string, text: string | Uint8Array): Anchor[] {
  try {
    return parseAnchorsPem(text);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new MangroveError(code, `${where}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Each part at its first place behind the one before it: no regular expression, which many stars would keep busy for years. */
function matches(pattern: string, key: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return key === first;
  if (!key.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = key.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return key.length >= at + last.length && key.endsWith(last);
}

const mostKeys = 8;

function keyList(keys: readonly string[]): string {
  const more = keys.length - mostKeys;
  return more > 0 ? `${keys.slice(0, mostKeys).join(', ')} and ${more} more` : keys.join(', ');
}

function byName(a: SourceObject, b: SourceObject): number {
  return a.name < b.name ? -1 : 1;
}
