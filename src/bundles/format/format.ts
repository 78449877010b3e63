import type { Bundle } from '#bundles/bundle/bundle.ts';
import { jwks } from '#bundles/format/jwks.ts';
import { pem } from '#bundles/format/pem.ts';

export type FormatName = 'pem' | 'jwks';

/** How a bundle is written where readers expect a text. */
export interface Format {
  readonly name: FormatName;
  /**
   * A function of the set alone, so that equal bundles are equal texts.
   * @throws MangroveError BUNDLE_TOO_LARGE: no text is longer than `decode` reads
   */
  encode(bundle: Bundle): string;
  /**
   * The certificates in a text as a target holds it, by SHA-256 fingerprint; undefined when it cannot be read strictly: such a
   * text equals no bundle. Never throws.
   */
  decode(text: string): ReadonlyMap<string, Buffer> | undefined;
}

export const formats: Readonly<Record<FormatName, Format>> = { pem, jwks };
