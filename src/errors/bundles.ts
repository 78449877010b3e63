import { type ErrorRows, internal, misconfigured, unavailable } from '#errors/row.ts';

export const bundlesErrors = {
  BUNDLE_SPEC_INVALID: misconfigured('InvalidSpec', 'Correct the TrustBundle; the message names the field.'),
  BUNDLE_PEM_INVALID: misconfigured(
    'SourceInvalid',
    'Give PEM blocks of type CERTIFICATE and nothing else: no headers, no text between blocks, no damaged block.',
  ),
  BUNDLE_ANCHOR_MALFORMED: misconfigured(
    'AnchorInvalid',
    'Replace the certificate: it is not strict DER of an X.509 certificate, and a verifier may read it differently.',
  ),
  BUNDLE_ANCHOR_NOT_V3: misconfigured(
    'AnchorInvalid',
    'Use an X.509 version 3 root: older versions cannot say that they are a CA, and the API server refuses them.',
  ),
  BUNDLE_ANCHOR_NOT_CA: misconfigured(
    'AnchorInvalid',
    'Use a root certificate whose basicConstraints extension is critical and has cA TRUE.',
  ),
  BUNDLE_ANCHOR_KEY_USAGE: misconfigured(
    'AnchorInvalid',
    'Use a root certificate whose keyUsage extension has keyCertSign.',
  ),
  BUNDLE_ANCHOR_NOT_SELF_SIGNED: misconfigured(
    'AnchorInvalid',
    'Give the root that the certificate chains to; intermediates belong into the chains that servers present.',
  ),
  BUNDLE_ANCHOR_SIGNATURE: misconfigured(
    'AnchorInvalid',
    'Replace the certificate: its own key does not verify its signature, so it was altered.',
  ),
  BUNDLE_ANCHOR_EXTENSION: misconfigured(
    'AnchorInvalid',
    'Use a root certificate without critical extensions that verifiers do not know.',
  ),
  BUNDLE_ANCHOR_FOREIGN: misconfigured(
    'TrustDomainMismatch',
    'Publish roots of another trust domain in a TrustBundle of their own.',
  ),
  BUNDLE_ANCHOR_EXPIRED: misconfigured(
    'AnchorExpired',
    'Remove the expired root from its source; it has left the bundle.',
  ),
  BUNDLE_ANCHOR_NOT_YET_VALID: misconfigured(
    'AnchorNotYetValid',
    'Nothing, if the date is right: the root joins the bundle shortly before it becomes valid.',
  ),
  BUNDLE_EMPTY: misconfigured(
    'BundleEmpty',
    'Add a source with at least one valid root; until then targets keep what they hold.',
  ),
  BUNDLE_TOO_LARGE: misconfigured(
    'BundleTooLarge',
    'Remove roots: the API server accepts at most 1048576 bytes of PEM in one object.',
  ),
  BUNDLE_SOURCE_NOT_FOUND: misconfigured('SourceNotFound', 'Create the source, or correct its name.'),
  BUNDLE_SOURCE_PENDING: unavailable('SourcePending', 'Wait: the source exists but has no root yet.'),
  BUNDLE_SOURCE_TRUST_DOMAIN: misconfigured(
    'TrustDomainMismatch',
    'Name a source of the same trust domain: bundles of two trust domains are never pooled.',
  ),
  BUNDLE_SOURCE_KEY_MISSING: misconfigured(
    'SourceKeyMissing',
    'Put the roots under a key that the source names, or name the key in spec.sources.',
  ),
  BUNDLE_SOURCE_FILTERED: misconfigured(
    'SourceFiltered',
    'Correct the fingerprints of include or exclude: `openssl x509 -noout -fingerprint -sha256`, in lower case without colons.',
  ),
  BUNDLE_SOURCE_OWN_TARGET: misconfigured(
    'SourceIsTarget',
    'Name the place where the roots come from: a bundle that reads what it writes never forgets a root again.',
  ),
  BUNDLE_SOURCE_UNREADABLE: unavailable(
    'SourceUnreadable',
    'Let the controller read the source: permissions, the API server or the disk; the message says which. Its last good content stays.',
  ),
  BUNDLE_SOURCE_TOO_LARGE: misconfigured(
    'SourceTooLarge',
    'Select less: one source takes at most 256 objects with 4194304 bytes together. Narrow its labels, take roots out of the objects, or name them in several sources. Its last good content stays.',
  ),
  BUNDLE_SHRINK_WITHHELD: misconfigured(
    'ShrinkWithheld',
    'Put the roots back into their source; or, if they may leave, name their fingerprints in the annotation mangrove.dev/allow-removal of the TrustBundle, separated by commas. spec.maxShrinkPercent says how much may leave unasked within 24 hours.',
  ),
  BUNDLE_CONSENT_INVALID: misconfigured(
    'ConsentInvalid',
    'Correct or remove what is named in the annotation mangrove.dev/allow-removal: it takes SHA-256 fingerprints of roots of this bundle, as in status.anchors, separated by commas.',
  ),
  BUNDLE_PROMOTION_UNKNOWN: misconfigured(
    'PromotionUnknown',
    'Set spec.promoted to status.hash, which is what the sources give now, after looking at it; or to status.promoted.hash, to keep what is promoted.',
  ),
  BUNDLE_PROMOTED_LOST: misconfigured(
    'PromotedLost',
    'Look at what the targets hold, which stays as it is; then set spec.promoted to status.hash, or put the roots back into a target by hand.',
  ),
  BUNDLE_TARGET_FOREIGN: misconfigured(
    'TargetForeign',
    'Delete or rename the object, change the target, or set its adopt where it has one: Mangrove takes over nothing unasked.',
  ),
  BUNDLE_TARGET_CONFLICTED: misconfigured(
    'TargetConflicted',
    'Let only one TrustBundle name this target; while several do, the oldest one publishes.',
  ),
  BUNDLE_SIGNER_POOLED: misconfigured(
    'SignerPooled',
    'Give each trust domain a signer name of its own, or delete the other ClusterTrustBundle once nobody mounts it: pods that select by this signer name would trust both.',
  ),
  BUNDLE_TARGET_PENDING: unavailable(
    'TargetPending',
    'Wait: the bundle is being written to its namespaces, and read back from them.',
  ),
  BUNDLE_TARGET_LEAVING: unavailable('TargetLeaving', 'Wait: what was published there is being deleted.'),
  BUNDLE_TARGET_FORBIDDEN: {
    ...unavailable(
      'TargetForbidden',
      'Grant verb attest on the signer name and get, list, watch, create and update on clustertrustbundles; for ConfigMaps, Secrets and deletionPolicy Delete add the component of manifests/components.',
    ),
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  BUNDLE_TARGET_REJECTED: misconfigured(
    'TargetRejected',
    'Read the message of the API server or its admission policy and remove the cause.',
  ),
  BUNDLE_TARGET_UNAVAILABLE: unavailable(
    'TargetUnavailable',
    'Nothing, if it passes: the write is tried again with a growing delay.',
  ),
  BUNDLE_TARGET_UNWRITABLE: unavailable(
    'TargetUnwritable',
    'Let the controller write the file: its directory must exist, be writable and have room; the message says what is wrong. What the file holds stays.',
  ),
  BUNDLE_TARGET_ALTERED: unavailable(
    'TargetAltered',
    'Find who else writes the object; the message names what differed when it was read back.',
  ),
  BUNDLE_API_ABSENT: unavailable(
    'ClusterTrustBundleAbsent',
    'Enable the ClusterTrustBundle API of kube-apiserver (on by default from Kubernetes 1.37); until then ConfigMaps stand for it, unless spec.fallback says Never.',
  ),
  BUNDLE_API_UNKNOWN: unavailable(
    'ClusterTrustBundleUnknown',
    'Wait, or look at the connection to the API server: whether it serves ClusterTrustBundle is not known yet.',
  ),
  BUNDLE_UNEXPECTED: internal('InternalError', 'This is a bug: report it with the log lines around it.'),
} as const satisfies ErrorRows<string>;
