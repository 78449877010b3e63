/** What every reader of certificates should see alike; hex in lower case, times in epoch seconds. */
export interface CertificateFields {
  readonly version: number;
  readonly serial: string;
  readonly signatureAlgorithm: string;
  /** RFC 4514. */
  readonly issuer: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** Names of RFC 5280. */
  readonly keyUsage: readonly string[];
  /** Dotted OIDs. */
  readonly extendedKeyUsage: readonly string[];
  readonly ca: boolean;
  readonly pathLength: number | undefined;
  /** `URI:…`, `DNS:…`, `email:…` and `IP:…`. */
  readonly subjectAltNames: readonly string[];
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  /** Dotted OIDs or, where OpenSSL knows none, its own name. */
  readonly criticalExtensions: readonly string[];
}
