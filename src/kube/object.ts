/**
 * The parts of the Kubernetes objects that Mangrove reads and writes, as raw JSON: dates stay strings, so that an object from
 * a list, a watch and a write compare alike. Fields that we do not name travel along untouched in an update.
 */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
}

export interface AnyObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface KubeObject<Spec = unknown, Status = unknown> extends AnyObject {
  readonly spec: Spec;
  readonly status?: Status;
}

/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number | undefined;
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export type PartialObjectMetadata = AnyObject;

export interface CertificateSigningRequestSpec {
  /** Base64 of a PEM CERTIFICATE REQUEST block. */
  readonly request: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds?: number;
  /** The authenticated requester, written by the API server over whatever the client sent; all four may be missing. */
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface CertificateSigningRequestCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

export interface CertificateSigningRequestStatus {
  readonly conditions?: readonly CertificateSigningRequestCondition[];
  /** Base64 of PEM CERTIFICATE blocks. */
  readonly certificate?: string;
}

export type CertificateSigningRequest = KubeObject<
  CertificateSigningRequestSpec,
  CertificateSigningRequestStatus
>;

export interface ClusterTrustBundleSpec {
  /** Absent, or empty, for a bundle that belongs to no signer. */
  readonly signerName?: string;
  readonly trustBundle: string;
}

/** Has no status and no reliable generation: compare contents. */
export type ClusterTrustBundle = KubeObject<ClusterTrustBundleSpec, never>;

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** MicroTime: exactly six fractional digits. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease extends AnyObject {
  readonly spec?: LeaseSpec;
}

export interface Secret extends AnyObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Values are base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends AnyObject {
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** core/v1 Event. */
export interface Event extends AnyObject {
  readonly involvedObject: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

/** `namespace/name`, or `name` for what is cluster-scoped; neither part can contain a slash. */
export type ObjectKey = string;

export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

export function keyOf(object: AnyObject): ObjectKey {
  return objectKey(object.metadata.namespace, object.metadata.name);
}
