import type { RequesterIdentity } from '#csr/request/identity.ts';
import { MangroveError } from '#errors/error.ts';

export type LiveKind = 'ServiceAccount' | 'Pod' | 'Node';

/** The UIDs of the objects that exist now. Undefined: there is none of that name. */
export interface LiveUids {
  /** By the watch: no request, perhaps a moment late. */
  observed(kind: LiveKind, namespace: string | undefined, name: string): string | undefined;
  /** By a read of the API server. @throws MangroveError KUBE_* */
  read(kind: LiveKind, namespace: string | undefined, name: string): Promise<string | undefined>;
}

/**
 * An identity is its live objects, never their names: a service account, pod or node that was deleted and made again
 * is somebody else (docs/architecture.md, invariant 10). The watch says yes without a read; a no is read again before it counts,
 * because it is final for the requester and the watch may be late.
 * @throws MangroveError CSR_REQUESTER_GONE, CSR_REQUESTER_REPLACED, or KUBE_* when the read failed (retryable).
 */
export async function checkLive(identity: RequesterIdentity, uids: LiveUids): Promise<void> {
  const { namespace, serviceAccount, pod, node } = identity;
  await checkObject('ServiceAccount', namespace, serviceAccount, uids);
  if (pod !== undefined) await checkObject('Pod', namespace, pod, uids);
  if (node !== undefined) await checkObject('Node', undefined, node, uids);
}

async function checkObject(
  kind: LiveKind,
  namespace: string | undefined,
  { name, uid }: { readonly name: string; readonly uid: string },
  uids: LiveUids,
): Promise<void> {
  if (uids.observed(kind, namespace, name) === uid) return;
  const live = await uids.read(kind, namespace, name);
  if (live === uid) return;
  const which = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  if (live === undefined)
    throw new MangroveError('CSR_REQUESTER_GONE', `${which} with UID ${uid} no longer exists`);
  throw new MangroveError('CSR_REQUESTER_REPLACED', `${which} now has UID ${live}, not ${uid}`);
}
