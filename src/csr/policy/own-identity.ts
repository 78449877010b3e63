import { MangroveError } from '#errors/error.ts';
import type { CertificateRequest } from '#x509/certificate-request.ts';
import type { GeneralName } from '#x509/general-name.ts';
import { formatName } from '#x509/name.ts';
import { parseSpiffeId, type SpiffeId } from '#x509/spiffe-id.ts';

const commonName = '2.5.4.3';

/**
 * A requester may ask for nothing but itself. The leaf never repeats a name of the request; a foreign name is
 * refused all the same, because whoever approved the request may have approved it for that name.
 * @throws MangroveError CSR_CA_ASKED, CSR_SUBJECT_NOT_OWN, CSR_NAME_NOT_OWN; X509Error SPIFFE_*
 */
export function checkNames(request: CertificateRequest, id: SpiffeId, username: string): void {
  if (request.ca) throw new MangroveError('CSR_CA_ASKED', 'the request asks for a CA certificate');
  checkSubject(request, id, username);
  const foreign = request.subjectAltNames.find((name) => name.kind !== 'uri' || name.value !== id.uri);
  if (foreign !== undefined) {
    // A malformed SPIFFE ID is foreign too, but its author is helped more by what is wrong with it.
    if (foreign.kind === 'uri') parseSpiffeId(foreign.value);
    throw new MangroveError(
      'CSR_NAME_NOT_OWN',
      `the request asks for ${describe(foreign)}; its own identity is ${id.uri}`,
    );
  }
  if (request.subjectAltNames.length > 1) {
    throw new MangroveError(
      'CSR_NAME_NOT_OWN',
      `the request asks for ${id.uri} ${request.subjectAltNames.length} times`,
    );
  }
}

function checkSubject({ subject }: CertificateRequest, id: SpiffeId, username: string): void {
  const [attribute, ...more] = subject.attributes;
  if (attribute === undefined) return;
  const own = attribute.oid === commonName && (attribute.value === username || attribute.value === id.uri);
  if (own && more.length === 0) return;
  throw new MangroveError('CSR_SUBJECT_NOT_OWN', `the request asks for the subject "${formatName(subject)}"`);
}

function describe(name: GeneralName): string {
  switch (name.kind) {
    case 'uri':
    case 'dns':
    case 'email':
      return `${name.kind} "${name.value}"`;
    case 'ip':
      return 'an IP address';
    case 'other':
      return `a name of type ${name.tag}`;
  }
}
