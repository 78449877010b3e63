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

/** The object to PUT to /status: the one that was observed, with its resourceVersion, and the chain. */
export function withCertificate<R extends SigningRequest>(request: R, chainPem: string): R {
  return { ...request, status: { ...request.status, certificate: Buffer.from(chainPem).toString('base64') } };
}

/** The longest message that a condition carries; the server takes 32 KiB, a human far less. */
const messageLimit = 1024;

/** The object to PUT to /status to end a request that can never be signed as it is. */
export function withFailure<R extends SigningRequest>(
  request: R,
  { reason, message, now }: { readonly reason: string; readonly message: string; readonly now: Date },
): R {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const failed: SigningRequestCondition = {
    type: 'Failed',
    status: 'True',
    reason,
    message: message.length > messageLimit ? `${message.slice(0, messageLimit)}…` : message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return {
    ...request,
    status: { ...request.status, conditions: [...(request.status?.conditions ?? []), failed] },
  };
}
