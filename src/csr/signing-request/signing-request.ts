/** What the front door reads of a certificates.k8s.io/v1 CertificateSigningRequest. */
export interface SigningRequest {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly resourceVersion?: string };
  readonly spec: {
    /** Base64 of a PEM CERTIFICATE REQUEST. */
    readonly request: string;
    readonly signerName: string;
    readonly usages?: readonly string[];
    readonly expirationSeconds?: number;
    readonly username?: string;
    readonly uid?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly status?: {
    readonly conditions?: readonly SigningRequestCondition[];
    readonly certificate?: string;
  };
}

export interface SigningRequestCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

/**
 * Whether a request waits for its signer: Approved, neither Denied nor Failed, no certificate yet. The API server
 * enforces none of this for a signer, not even that a request was approved.
 */
export function awaitsSignature({ status }: SigningRequest): boolean {
  const has = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type) ?? false;
  return has('Approved') && !has('Denied') && !has('Failed') && !status?.certificate;
}

/**
 * What is PUT to /status: the metadata that was observed, with its resourceVersion, and the new status. The API server takes the
 * spec, which is half of the request, from what it holds.
 */
export type SigningRequestStatusUpdate = Pick<SigningRequest, 'metadata' | 'status'>;

/** The update that gives a request its chain. */
export function withCertificate(
  { metadata, status }: SigningRequest,
  chainPem: string,
): SigningRequestStatusUpdate {
  return { metadata, status: { ...status, certificate: Buffer.from(chainPem).toString('base64') } };
}

/** The longest message that a condition carries; the server takes 32 KiB, a human far less. */
const messageLimit = 1024;

/** The update that ends a request which can never be signed as it is. */
export function withFailure(
  { metadata, status }: SigningRequest,
  { reason, message, now }: { readonly reason: string; readonly message: string; readonly now: Date },
): SigningRequestStatusUpdate {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const failed: SigningRequestCondition = {
    type: 'Failed',
    status: 'True',
    reason,
    message: message.length > messageLimit ? `${message.slice(0, messageLimit)}…` : message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return { metadata, status: { ...status, conditions: [...(status?.conditions ?? []), failed] } };
}
