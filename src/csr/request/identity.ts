import { MangroveError } from '#errors/error.ts';

/** One live object that an identity stands on. */
export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

/** Who asked, as the API server authenticated it: a service account and, with a bound token, its pod and node. */
export interface RequesterIdentity {
  readonly username: string;
  readonly namespace: string;
  readonly serviceAccount: BoundObject;
  readonly pod: BoundObject | undefined;
  readonly node: BoundObject | undefined;
}

/** The fields of a CertificateSigningRequest that the server overwrites from the caller's credential. */
export interface AuthenticatedCaller {
  readonly username?: string;
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

const prefix = 'system:serviceaccount:';
/** Keys set by the service account token authenticator (k8s.io/apiserver pkg/authentication/serviceaccount/util.go). */
const extraKey = {
  podName: 'authentication.kubernetes.io/pod-name',
  podUid: 'authentication.kubernetes.io/pod-uid',
  nodeName: 'authentication.kubernetes.io/node-name',
  nodeUid: 'authentication.kubernetes.io/node-uid',
} as const;

/**
 * @throws MangroveError CSR_REQUESTER_NOT_SERVICE_ACCOUNT, CSR_REQUESTER_BINDING when a name comes without its UID.
 */
export function requesterIdentity({
  username = '',
  uid = '',
  extra = {},
}: AuthenticatedCaller): RequesterIdentity {
  const [namespace, name, ...rest] = username.startsWith(prefix)
    ? username.slice(prefix.length).split(':')
    : [];
  if (!namespace || !name || rest.length > 0 || uid === '') {
    throw new MangroveError(
      'CSR_REQUESTER_NOT_SERVICE_ACCOUNT',
      `"${username}" is not a service account with a UID`,
    );
  }
  return {
    username,
    namespace,
    serviceAccount: { name, uid },
    pod: boundObject(extra, 'pod', extraKey.podName, extraKey.podUid),
    node: boundObject(extra, 'node', extraKey.nodeName, extraKey.nodeUid),
  };
}

function boundObject(
  extra: Readonly<Record<string, readonly string[]>>,
  what: string,
  nameKey: string,
  uidKey: string,
): BoundObject | undefined {
  const name = single(extra, nameKey);
  const uid = single(extra, uidKey);
  if (name === undefined && uid === undefined) return undefined;
  if (name === undefined || uid === undefined) {
    throw new MangroveError(
      'CSR_REQUESTER_BINDING',
      `the token names a ${what} without its ${name === undefined ? 'name' : 'UID'}`,
    );
  }
  return { name, uid };
}

function single(extra: Readonly<Record<string, readonly string[]>>, key: string): string | undefined {
  const values = Object.hasOwn(extra, key) ? (extra[key] ?? []) : [];
  if (values.length > 1)
    throw new MangroveError('CSR_REQUESTER_BINDING', `extra ${key} has ${values.length} values`);
  return values[0];
}
