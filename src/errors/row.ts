/** What the rest of the world is told about one error code. */
export interface ErrorRow {
  /** Condition and event reason, CamelCase (Kubernetes API conventions, "Typical status properties"). */
  readonly reason: string;
  /** Who has to act. Only a requester's own fault may ever end a request (invariant: our faults are never terminal). */
  readonly fault: 'requester' | 'operator' | 'service';
  /** True when the same call can succeed later without anybody changing it. */
  readonly retryable: boolean;
  readonly http: number;
  readonly grpc: GrpcStatus;
  /** What the reader of the message should do; a full sentence for docs/errors.md and for messages. */
  readonly fix: string;
}

/** Canonical gRPC status names (grpc/grpc doc/statuscodes.md). */
export type GrpcStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED';

export type ErrorRows<Code extends string> = Readonly<Record<Code, ErrorRow>>;

/** The requester sent something that can never be accepted as it is. */
export function refused(reason: string, fix: string): ErrorRow {
  return { reason, fault: 'requester', retryable: false, http: 400, grpc: 'INVALID_ARGUMENT', fix };
}

/** The requester asked for something that is not theirs. */
export function forbidden(reason: string, fix: string): ErrorRow {
  return { reason, fault: 'requester', retryable: false, http: 403, grpc: 'PERMISSION_DENIED', fix };
}

/** Our side, or the cluster's, cannot do it at this moment. */
export function unavailable(reason: string, fix: string): ErrorRow {
  return { reason, fault: 'service', retryable: true, http: 503, grpc: 'UNAVAILABLE', fix };
}

/** A bug or a damaged state on our side: retryable for the requester, alarming for the operator. */
export function internal(reason: string, fix: string): ErrorRow {
  return { reason, fault: 'service', retryable: true, http: 500, grpc: 'INTERNAL', fix };
}

/** The operator's configuration or resource is wrong; retrying helps only after it was changed. */
export function misconfigured(reason: string, fix: string): ErrorRow {
  return { reason, fault: 'operator', retryable: false, http: 400, grpc: 'FAILED_PRECONDITION', fix };
}
