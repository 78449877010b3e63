import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import type { Bundle } from '#bundles/bundle/bundle.ts';
import { jwkOf } from '#bundles/format/jwk.ts';
import { MangroveError } from '#errors/error.ts';

/** The SPIFFE bundle, a JWK Set (SPIFFE Trust Domain and Bundle §4). */
export const jwks = { name: 'jwks', encode, decode } as const;

/** In seconds; what consumers fall back to when there is no hint (§5.1), so that one who reads it is no slower. */
const REFRESH_HINT = 300;

/** @throws MangroveError BUNDLE_TOO_LARGE */
function encode({ anchors, trustDomain }: Bundle): string {
  const keys = anchors.map(({ der }) => jwkOf(der));
  const text = `${JSON.stringify({ keys, spiffe_refresh_hint: REFRESH_HINT })}\n`;
  if (text.length <= MAX_BUNDLE_BYTES) return text;
  throw new MangroveError(
    'BUNDLE_TOO_LARGE',
    `${anchors.length} anchors of ${trustDomain} are ${text.length} bytes of JWKS; the limit is ${MAX_BUNDLE_BYTES}`,
  );
}

/**
 * Reads what `encode` writes, whatever the order of keys, the white space and the hint. A consumer of foreign bundles has to pass
 * over keys that it does not know (§4.1.3); in a text of ours there are none, so a key like that is damage.
 */
function decode(text: string): ReadonlyMap<string, Buffer> | undefined {
  if (text.length > MAX_BUNDLE_BYTES) return undefined;
  const document = parsed(text);
  if (!isKeySet(document)) return undefined;
  const certificates = new Map<string, Buffer>();
  for (const key of document.keys) {
    const der = certificateOf(key);
    if (der === undefined) return undefined;
    certificates.set(hash('sha256', der), der);
  }
  const distinct = certificates.size > 0 && certificates.size === document.keys.length;
  return distinct && isPlain(text, document) ? certificates : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface KeySet {
  readonly keys: readonly unknown[];
  readonly spiffe_refresh_hint: number;
}

function isKeySet(value: unknown): value is KeySet {
  if (typeof value !== 'object' || value === null) return false;
  if (!('keys' in value && 'spiffe_refresh_hint' in value) || Object.keys(value).length !== 2) return false;
  const { keys, spiffe_refresh_hint: hint } = value;
  return Array.isArray(keys) && typeof hint === 'number' && Number.isSafeInteger(hint) && hint > 0;
}

/**
 * The certificate of a JWK that is the one of this certificate: a reader that takes the key from the parameters must trust the
 * same key as one that takes it from `x5c`.
 */
function certificateOf(key: unknown): Buffer | undefined {
  if (typeof key !== 'object' || key === null || !('x5c' in key) || !Array.isArray(key.x5c)) return undefined;
  const base64: unknown = key.x5c[0];
  if (typeof base64 !== 'string') return undefined;
  const der = Buffer.from(base64, 'base64');
  try {
    return isDeepStrictEqual(key, jwkOf(der)) ? der : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the text is this document and nothing besides, written plainly. Of two members with one name JSON.parse keeps the last
 * and other readers the first, without a word. No value that is read here has white space in it. Asked last, of a document that
 * is no deeper than ours: JSON.stringify may recur.
 */
function isPlain(text: string, document: KeySet): boolean {
  return JSON.stringify(document) === text.replace(/\s+/g, '');
}
