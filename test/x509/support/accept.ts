import {
  type CertificateRequest,
  parseCertificateRequest,
  provenPublicKey,
} from '#x509/certificate-request.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';

/** All that happens to a request before policy: reading, proof of possession, and reading its ids. */
export function accept(der: Buffer): CertificateRequest {
  const request = parseCertificateRequest(der);
  provenPublicKey(request);
  for (const name of request.subjectAltNames) if (name.kind === 'uri') parseSpiffeId(name.value);
  return request;
}
