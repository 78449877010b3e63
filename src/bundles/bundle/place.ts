import { MangroveError } from '#errors/error.ts';

/** Where somebody at the command line says that roots are. */
export type Place = { /** As it was written. */ readonly text: string } & (
  | { readonly kind: 'TrustBundle'; readonly name: string }
  | { readonly kind: 'ClusterTrustBundle'; readonly name: string }
  | {
      readonly kind: 'ConfigMap';
      readonly namespace: string;
      readonly name: string;
      readonly key: string | undefined;
    }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' }
);

/**
 * What begins with a kind and a slash is an object, `-` is standard input, and everything else the path of a file: a directory of
 * that name is still reached by `./TrustBundle/…`.
 * @throws MangroveError PLACE_SYNTAX
 */
export function parsePlace(text: string): Place {
  if (text === '-') return { kind: 'stdin', text };
  const [kind, ...parts] = text.split('/');
  if (kind !== 'TrustBundle' && kind !== 'ClusterTrustBundle' && kind !== 'ConfigMap') {
    if (text === '') throw new MangroveError('PLACE_SYNTAX', 'an empty text names no place');
    return { kind: 'file', path: text, text };
  }
  const [first, second, key, ...rest] = parts;
  if (first === undefined || rest.length > 0 || parts.includes('')) throw malformed(text);
  if (kind === 'ConfigMap') {
    if (second === undefined) throw malformed(text);
    return { kind, namespace: first, name: second, key, text };
  }
  if (second !== undefined) throw malformed(text);
  return { kind, name: first, text };
}

function malformed(text: string): MangroveError {
  return new MangroveError('PLACE_SYNTAX', `${text} has too few or too many parts`);
}

/** What is read of a ConfigMap. */
interface KeyedData {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** By convention, and what our own targets write. */
const usualKey = 'ca.crt';
const mostKeys = 8;

/**
 * The value of that key; without one, of `ca.crt` or of the only key there is.
 * @throws MangroveError PLACE_KEY_MISSING, naming the keys
 */
export function valueAt(where: string, key: string | undefined, object: KeyedData): string | Buffer {
  const { data = {}, binaryData = {} } = object;
  const values = new Map<string, string | Buffer>(Object.entries(data));
  for (const [name, base64] of Object.entries(binaryData)) values.set(name, Buffer.from(base64, 'base64'));
  const [only] = values.size === 1 ? values.keys() : [];
  const found = values.get(key ?? only ?? usualKey);
  if (found !== undefined) return found;
  const names = [...values.keys()].toSorted();
  const more = names.length > mostKeys ? ` and ${names.length - mostKeys} more` : '';
  const has = names.length === 0 ? 'none' : names.slice(0, mostKeys).join(', ') + more;
  throw new MangroveError('PLACE_KEY_MISSING', `${where}: no key ${key ?? usualKey}; it has ${has}`);
}
