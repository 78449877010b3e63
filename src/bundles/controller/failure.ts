import { type ErrorCode, errorCode, errorMessage, MangroveError } from '#errors/error.ts';

/** What a failed request means for a target; everything else passes and is tried again. */
const meanings: ReadonlyMap<ErrorCode, ErrorCode> = new Map<ErrorCode, ErrorCode>([
  ['KUBE_FORBIDDEN', 'BUNDLE_TARGET_FORBIDDEN'],
  ['KUBE_INVALID', 'BUNDLE_TARGET_REJECTED'],
  ['KUBE_PATH_NOT_FOUND', 'BUNDLE_API_ABSENT'],
]);

/** A failure of a target in the words of this room; what already is one stays as it is. */
export function targetFailure(target: string, error: unknown): MangroveError {
  if (error instanceof MangroveError && error.code.startsWith('BUNDLE_')) return error;
  const code = errorCode(error);
  if (code === undefined)
    return new MangroveError('BUNDLE_UNEXPECTED', errorMessage(error), { cause: error });
  const meaning = isOverQuota(error)
    ? 'BUNDLE_TARGET_REJECTED'
    : (meanings.get(code) ?? 'BUNDLE_TARGET_UNAVAILABLE');
  return new MangroveError(meaning, `${target}: ${errorMessage(error)}`, { cause: error });
}

/** Forbidden as well, but no right would help (k8s.io/apiserver pkg/admission/plugin/resourcequota). */
function isOverQuota(error: unknown): boolean {
  return errorCode(error) === 'KUBE_FORBIDDEN' && errorMessage(error).includes('exceeded quota');
}
