import { createPublicKey, X509Certificate } from 'node:crypto';
import { expect } from 'vitest';
import { type Anchor, parseAnchor } from '#bundles/bundle/anchor.ts';
import { type Bundle, makeBundle } from '#bundles/bundle/bundle.ts';
import { jwks } from '#bundles/format/jwks.ts';
import { makeRoot, type RootOptions } from '../support/roots.ts';

/** As JSON says it. */
export type Key = Readonly<Record<string, unknown>>;
export interface KeySet {
  readonly keys: readonly Key[];
  readonly spiffe_refresh_hint: number;
}

export const anchorOf = async (
  algorithm?: RootOptions['algorithm'],
  more: RootOptions = {},
): Promise<Anchor> =>
  parseAnchor(await makeRoot({ ...more, ...(algorithm !== undefined && { algorithm }) }), 'root');

export const bundleOf = (...anchors: Anchor[]): Bundle => makeBundle('east.test', anchors);

export const documentOf = (bundle: Bundle): KeySet => JSON.parse(jwks.encode(bundle)) as KeySet;

/** The JWK of one root. */
export const keyOf = (anchor: Anchor): Key => documentOf(bundleOf(anchor)).keys[0] ?? expect.fail('no key');

/** SubjectPublicKeyInfo as OpenSSL makes it of a JWK. */
export const spkiOfKey = (key: Key): Buffer =>
  createPublicKey({ key: key, format: 'jwk' }).export({
    type: 'spki',
    format: 'der',
  });

/** And as it finds it in a certificate. */
export const spkiOfCertificate = (der: Buffer): Buffer =>
  new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
