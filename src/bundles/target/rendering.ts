import { hash } from 'node:crypto';
import { MAX_BUNDLE_BYTES } from '#bundles/bundle/anchor.ts';
import { type Bundle, isSetOf } from '#bundles/bundle/bundle.ts';
import type { PlacementSpec } from '#bundles/bundle/target-spec.ts';
import { type Format, formats } from '#bundles/format/format.ts';
import { MangroveError } from '#errors/error.ts';

/** What stands under one key. */
export interface RenderedKey {
  readonly key: string;
  readonly format: Format;
  readonly text: string;
}

/** A bundle as the keys of one target hold it: made once, however many namespaces get it. */
export interface Rendered {
  readonly bundle: Bundle;
  readonly keys: readonly RenderedKey[];
  /** Of keys and texts, hex. */
  readonly digest: string;
}

/**
 * @throws MangroveError BUNDLE_TOO_LARGE: one ConfigMap or Secret takes so many bytes under all of its keys together
 * (k8s.io/kubernetes pkg/apis/core/validation, ValidateConfigMap)
 */
export function render(bundle: Bundle, keys: PlacementSpec['keys']): Rendered {
  const texts = new Map(keys.map(({ format }) => [format, formats[format].encode(bundle)]));
  const rendered = keys.map(({ key, format }) => ({
    key,
    format: formats[format],
    text: texts.get(format) ?? '',
  }));
  const bytes = rendered.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_BUNDLE_BYTES) {
    throw new MangroveError(
      'BUNDLE_TOO_LARGE',
      `${bundle.anchors.length} anchors of ${bundle.trustDomain} are ${bytes} bytes under ${keys.length} keys; the limit is ${MAX_BUNDLE_BYTES}`,
    );
  }
  const digest = hash('sha256', JSON.stringify(rendered.map(({ key, text }) => [key, hash('sha256', text)])));
  return { bundle, keys: rendered, digest };
}

/** Whether a text says what the key should: line ends and order are nobody's business. */
export function says(
  text: string | undefined,
  { format, text: wanted }: RenderedKey,
  bundle: Bundle,
): boolean {
  if (text === undefined) return false;
  return text === wanted || isSetOf(format.decode(text), bundle);
}
