import { type ErrorRows, internal, misconfigured, unavailable } from '#errors/row.ts';

/**
 * Nothing that an API server answers to us is the fault of whoever asked for a certificate, so every row but the
 * configuration's is retryable: a requester is never refused for good because our own call failed.
 */
export const kubeErrors = {
  KUBE_CONFIG_INVALID: misconfigured(
    'InvalidKubeconfig',
    'Correct the kubeconfig, its context or the files that it names; in a cluster, mount the service account token.',
  ),
  KUBE_UNAVAILABLE: unavailable(
    'APIServerUnavailable',
    'Check that the API server can be reached; the request was not carried out, or was only a read.',
  ),
  KUBE_TIMEOUT: unavailable(
    'APIServerTimeout',
    'Check the load of the API server and the network; the request was not carried out, or was only a read.',
  ),
  KUBE_OUTCOME_UNKNOWN: unavailable(
    'APIServerOutcomeUnknown',
    'Nothing by hand: the write may or may not have been made, and the object is read before it is tried again. When it goes on, check the API server, etcd and what stands between.',
  ),
  KUBE_TOO_MANY_REQUESTS: unavailable(
    'APIServerBusy',
    'Wait for the time that the server named; look at API priority and fairness when it goes on.',
  ),
  KUBE_UNAUTHORIZED: unavailable(
    'Unauthorized',
    'Check that the token or client certificate is current and meant for this API server.',
  ),
  KUBE_FORBIDDEN: unavailable(
    'Forbidden',
    'Grant the service account the verb and resource that the message names (manifests/ hold the roles).',
  ),
  KUBE_NOT_FOUND: unavailable(
    'NotFound',
    'Create the object that the message names, or wait until it exists.',
  ),
  KUBE_PATH_NOT_FOUND: unavailable(
    'ResourceNotServed',
    'Install the CRD or switch the API on; the server does not serve this group, version or resource.',
  ),
  KUBE_ALREADY_EXISTS: unavailable(
    'AlreadyExists',
    'Read the object that exists already and decide from what it holds.',
  ),
  KUBE_CONFLICT: unavailable('Conflict', 'Read the object again and repeat the change on what it holds now.'),
  KUBE_NOT_SYNCED: unavailable(
    'NotSynced',
    'Wait for the first complete lists; when it lasts, check that the API server can be reached and the roles are bound.',
  ),
  KUBE_SCHEMA_NEWER: misconfigured(
    'SchemaTooNew',
    'Run the version of Mangrove that these CRDs belong to, or a newer one. To go back, see "Upgrade and downgrade" in docs/operate.md.',
  ),
  KUBE_SCHEMA_OLDER: misconfigured(
    'SchemaTooOld',
    'Apply the CRDs of this version first: `mangrove crds | kubectl apply --server-side -f -`, or all of its manifests. Objects stay.',
  ),
  KUBE_GONE: unavailable('ResourceExpired', 'List again: the server no longer has this version.'),
  KUBE_INVALID: internal(
    'InvalidObject',
    'The API server refused the content that we wrote: compare the versions of the CRDs and of the program.',
  ),
  KUBE_RESPONSE_INVALID: internal(
    'InvalidResponse',
    'Check that the address leads to a Kubernetes API server and not to a proxy that answers in its place.',
  ),
  KUBE_NAME_INVALID: internal(
    'InvalidName',
    'An object name or namespace must be a plain, non-empty path segment.',
  ),
  KUBE_UNCONDITIONAL_WRITE: internal(
    'UnconditionalWrite',
    'This is a bug: an update must carry the resourceVersion that was read. Report it with the log lines around it.',
  ),
} as const satisfies ErrorRows<string>;
