import { X509Error } from '#x509/error.ts';

declare const trustDomainBrand: unique symbol;

/** A name that is a SPIFFE trust domain: `[a-z0-9._-]`, 1 to 255 bytes (SPIFFE-ID §2.1). */
export type TrustDomain = string & { readonly [trustDomainBrand]: true };

/** An id in its canonical form, the only one that is accepted. */
export interface SpiffeId {
  readonly trustDomain: TrustDomain;
  /** Empty for the id of the trust domain itself, else it begins with `/`. */
  readonly path: string;
  readonly uri: string;
}

const scheme = 'spiffe://';
/** SPIFFE-ID §2.3: every implementation supports this much, and no id should have more. */
const maxIdBytes = 2048;
const maxTrustDomainBytes = 255;

const isTrustDomain = (text: string): text is TrustDomain =>
  text.length <= maxTrustDomainBytes && /^[a-z0-9._-]+$/.test(text);

/** Throws `SPIFFE_TRUST_DOMAIN_INVALID`. */
export function parseTrustDomain(text: string): TrustDomain {
  if (isTrustDomain(text)) return text;
  throw new X509Error(
    'SPIFFE_TRUST_DOMAIN_INVALID',
    `${quote(text)} is not a trust domain: 1 to ${maxTrustDomainBytes} of a-z, 0-9, dot, dash and underscore`,
  );
}

/**
 * Strict SPIFFE-ID §2. Scheme and trust domain compare case-insensitively there; here they are accepted in lower case
 * only, so that equal ids are equal bytes. Userinfo, port, query, fragment and percent-encoding fail by their characters.
 */
export function parseSpiffeId(text: string): SpiffeId {
  if (text.length > maxIdBytes) {
    throw new X509Error('SPIFFE_ID_TOO_LONG', `the id has ${text.length} bytes, more than ${maxIdBytes}`);
  }
  if (!text.startsWith(scheme)) {
    throw new X509Error('SPIFFE_SCHEME_INVALID', `${quote(text)} does not begin with ${scheme}`);
  }
  const slash = text.indexOf('/', scheme.length);
  const end = slash === -1 ? text.length : slash;
  const trustDomain = parseTrustDomain(text.slice(scheme.length, end));
  const path = text.slice(end);
  if (!wellFormedPath.test(path)) throw pathFault(path, text);
  return { trustDomain, path, uri: text };
}

/** The id of a Kubernetes service account: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
export function serviceAccountId(
  trustDomain: TrustDomain,
  namespace: string,
  serviceAccount: string,
): SpiffeId {
  const path = `/ns/${namespace}/sa/${serviceAccount}`;
  if (namespace.includes('/') || serviceAccount.includes('/')) {
    throw new X509Error('SPIFFE_PATH_CHARACTER', `${quote(path)} has a slash within a name`);
  }
  return parseSpiffeId(`${scheme}${trustDomain}${path}`);
}

/** SPIFFE-ID §2.2: nothing, or segments of these characters, none of them empty, `.` or `..`. */
const wellFormedPath = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

/** What is wrong with a path that is not well-formed. */
function pathFault(path: string, id: string): X509Error {
  if (!/^[A-Za-z0-9._/-]*$/.test(path)) {
    return new X509Error(
      'SPIFFE_PATH_CHARACTER',
      `the path of ${quote(id)} has something else than a-z, A-Z, 0-9, dot, dash, underscore and slash`,
    );
  }
  const dots = path.split('/').find((segment) => segment === '.' || segment === '..');
  return dots === undefined
    ? new X509Error('SPIFFE_PATH_EMPTY_SEGMENT', `the path of ${quote(id)} has an empty segment`)
    : new X509Error('SPIFFE_PATH_DOT_SEGMENT', `the path of ${quote(id)} has the segment "${dots}"`);
}

/** Escapes what a terminal or a log should not see, and shortens. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
