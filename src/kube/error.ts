import { type ErrorCode, errorCode, MangroveError } from '#errors/error.ts';

export interface StatusCause {
  readonly field?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Answer {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number | undefined;
  /** `reason` of the metav1.Status in the answer, such as `AlreadyExists`. */
  readonly reason?: string | undefined;
  readonly causes?: readonly StatusCause[];
  /** How long the server asked us to wait. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A failed request to an API server. */
export class KubeError extends MangroveError {
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, answer: Answer = {}) {
    super(code, message, answer.cause === undefined ? undefined : { cause: answer.cause });
    this.name = 'KubeError';
    this.status = answer.status;
    this.reason = answer.reason;
    this.causes = answer.causes ?? [];
    this.retryAfterMs = answer.retryAfterMs;
  }
}

export function isNotFound(error: unknown): boolean {
  return errorCode(error) === 'KUBE_NOT_FOUND';
}

/** For a `catch`: what is not there is undefined. */
export function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
  return undefined;
}

export function isConflict(error: unknown): boolean {
  return errorCode(error) === 'KUBE_CONFLICT';
}

/** A write that may or may not have been made: read before anything is decided. */
export function isOutcomeUnknown(error: unknown): boolean {
  return errorCode(error) === 'KUBE_OUTCOME_UNKNOWN';
}

export function isAlreadyExists(error: unknown): boolean {
  return errorCode(error) === 'KUBE_ALREADY_EXISTS';
}

/** metav1.Status, as far as we read it. */
interface Status {
  readonly kind: 'Status';
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly causes?: readonly StatusCause[]; readonly retryAfterSeconds?: number };
}

const maxMessageLength = 1_024;

/** What was asked, and by what kind of request. */
export interface Question {
  /** Method and path. */
  readonly what: string;
  /** It was to change something. */
  readonly write: boolean;
}

/** The error for an answer that is not 2xx. `body` is the parsed JSON or else the text of the answer. */
export function answerError(
  { what, write }: Question,
  status: number,
  body: unknown,
  retryAfterMs?: number,
): KubeError {
  const told = isStatus(body) ? body : undefined;
  const causes = told?.details?.causes ?? [];
  // etcd may have taken what the API server, or whoever stands before it, then failed to answer for.
  const lost = write && (status >= 500 || status === 408);
  const code = lost ? 'KUBE_OUTCOME_UNKNOWN' : codeOf(status, told, causes);
  return new KubeError(code, `${what}: ${status} ${describe(what, body, told, causes)}`.trimEnd(), {
    status,
    reason: told?.reason,
    causes,
    retryAfterMs: retryAfterMs ?? secondsToMs(told?.details?.retryAfterSeconds),
  });
}

/** The error for the object of an ERROR event in a watch, which carries its own HTTP status. */
export function watchError(what: string, status: unknown): KubeError {
  return answerError({ what, write: false }, isStatus(status) ? (status.code ?? 500) : 500, status);
}

function codeOf(status: number, told: Status | undefined, causes: readonly StatusCause[]): ErrorCode {
  // A server that was restored from a backup knows versions only up to the backup's: ours is of no use to it, nor ever will be.
  if (causes.some(({ reason }) => reason === 'ResourceVersionTooLarge')) return 'KUBE_GONE';
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
      return 'KUBE_INVALID';
    case 401:
      return 'KUBE_UNAUTHORIZED';
    case 403:
      return 'KUBE_FORBIDDEN';
    case 404:
      // Only an API server that serves the resource answers with a Status. Whoever creates an object because it is
      // missing must not be led there by a proxy's error page or by an API that is switched off.
      return told !== undefined ? 'KUBE_NOT_FOUND' : 'KUBE_PATH_NOT_FOUND';
    case 408:
    case 504:
      return 'KUBE_TIMEOUT';
    case 409:
      return told?.reason === 'AlreadyExists' ? 'KUBE_ALREADY_EXISTS' : 'KUBE_CONFLICT';
    case 410:
      return 'KUBE_GONE';
    case 429:
      return 'KUBE_TOO_MANY_REQUESTS';
    default:
      return status >= 500 ? 'KUBE_UNAVAILABLE' : 'KUBE_RESPONSE_INVALID';
  }
}

/** The server's own words, except about Secrets, whose refusal may quote what was written: there only the fields. */
function describe(
  what: string,
  body: unknown,
  told: Status | undefined,
  causes: readonly StatusCause[],
): string {
  if (/\/secrets(\/|\?|$)/.test(what)) {
    const fields = causes.map((cause) => cause.field ?? '?').join(', ');
    return `${told?.reason ?? ''}${fields === '' ? '' : ` (${fields})`}`;
  }
  const text = told?.message ?? (typeof body === 'string' ? body.trim() : '');
  return text.slice(0, maxMessageLength);
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds <= 0 ? undefined : seconds * 1_000;
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
