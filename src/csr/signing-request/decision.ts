import type { LeafRequest } from '#ca/issuance/prepare.ts';
import type { LeafProfile } from '#ca/issuance/profile.ts';
import { parseUsages, type Usages } from '#ca/issuance/usages.ts';
import { checkNames } from '#csr/policy/own-identity.ts';
import { type RequesterIdentity, requesterIdentity } from '#csr/request/identity.ts';
import type { SigningRequest } from '#csr/signing-request/signing-request.ts';
import { MangroveError } from '#errors/error.ts';
import {
  type CertificateRequest,
  parseCertificateRequest,
  provenPublicKey,
} from '#x509/certificate-request.ts';
import { parsePem } from '#x509/pem.ts';
import { type SpiffeId, serviceAccountId } from '#x509/spiffe-id.ts';

/** A request that may be signed once its requester was found alive and has proved that the key is its own. */
export interface Decision {
  readonly identity: RequesterIdentity;
  readonly id: SpiffeId;
  readonly usages: Usages;
  readonly certificateRequest: CertificateRequest;
}

/** PEM and base64 of 16 KiB of DER, with room for line ends. */
const requestLimit = 32 * 1024;

/**
 * Decides from the object alone, cheapest refusals first. The identity comes from what the API server authenticated.
 * @throws X509Error, MangroveError CSR_* and CA_USAGE_*, every one the requester's to mend.
 */
export function decide(request: SigningRequest, profile: LeafProfile): Decision {
  const { spec } = request;
  const identity = requesterIdentity(spec);
  const id = serviceAccountId(profile.trustDomain, identity.namespace, identity.serviceAccount.name);
  const usages = parseUsages(spec.usages ?? []);
  const certificateRequest = readRequest(spec.request);
  checkNames(certificateRequest, id, identity.username);
  checkUsages(certificateRequest, usages);
  return { identity, id, usages, certificateRequest };
}

/**
 * What is to be signed: of the request's bytes only the public key, and that only once it is proven.
 * @throws X509Error CSR_SIGNATURE_INVALID, KEY_UNUSABLE
 */
export function provenLeaf({ spec, metadata }: SigningRequest, decision: Decision): LeafRequest {
  const { id, usages, certificateRequest } = decision;
  return {
    id,
    publicKey: provenPublicKey(certificateRequest),
    keyUsage: usages.keyUsage,
    extendedKeyUsage: usages.extendedKeyUsage,
    lifetime: spec.expirationSeconds,
    frontDoor: 'csr',
    requestUid: metadata.uid ?? '',
  };
}

function readRequest(base64: string): CertificateRequest {
  if (base64.length > requestLimit) {
    throw new MangroveError(
      'CSR_ENCODING',
      `spec.request has ${base64.length} characters; the most is ${requestLimit}`,
    );
  }
  const [der, ...more] = parsePem(Buffer.from(base64, 'base64'), 'CERTIFICATE REQUEST');
  if (der === undefined || more.length > 0) {
    throw new MangroveError(
      'CSR_ENCODING',
      `spec.request holds ${more.length + 1} requests; it must hold one`,
    );
  }
  return parseCertificateRequest(der);
}

/** What the request's own extensions ask for must be among spec.usages, which is what was approved. */
function checkUsages(request: CertificateRequest, usages: Usages): void {
  const asked = request.keyUsage ?? request.extendedKeyUsage;
  if (asked === undefined) return;
  const listed: ReadonlySet<string> = new Set([...usages.keyUsage, ...usages.extendedKeyUsage]);
  const surplus = [...(request.keyUsage ?? []), ...(request.extendedKeyUsage ?? [])].filter(
    (usage) => !listed.has(usage),
  );
  if (surplus.length > 0) {
    throw new MangroveError(
      'CSR_USAGE_MISMATCH',
      `the request asks for ${surplus.join(', ')}, which spec.usages does not list`,
    );
  }
}
