import { type Bundle, decodePublished } from '#bundles/bundle/bundle.ts';

/** RFC 7468: what `ca.crt` holds wherever Kubernetes reads one. */
export const pem = {
  name: 'pem',
  encode: (bundle: Bundle): string => bundle.pem,
  decode: decodePublished,
} as const;
