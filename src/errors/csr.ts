import { type ErrorRows, forbidden, refused } from '#errors/row.ts';

export const csrErrors = {
  CSR_ENCODING: refused(
    'MalformedRequest',
    'Put the PEM of one CERTIFICATE REQUEST, base64 encoded, into spec.request.',
  ),
  CSR_REQUESTER_NOT_SERVICE_ACCOUNT: forbidden(
    'RequesterNotServiceAccount',
    'Create the request as a service account: this signer gives out SPIFFE IDs of service accounts only.',
  ),
  CSR_REQUESTER_BINDING: forbidden(
    'RequesterBindingIncomplete',
    'Create the request with a token of the TokenRequest API: it must name pod and node with their UIDs, or neither.',
  ),
  CSR_REQUESTER_GONE: forbidden(
    'RequesterGone',
    'The service account, pod or node of this request no longer exists; create a new request from a live one.',
  ),
  CSR_REQUESTER_REPLACED: forbidden(
    'RequesterReplaced',
    'The service account, pod or node was deleted and made again since; create a new request with a new token.',
  ),
  CSR_CA_ASKED: forbidden('AuthorityAsked', 'Ask for a leaf: drop CA:TRUE from basicConstraints.'),
  CSR_SUBJECT_NOT_OWN: forbidden(
    'SubjectNotOwn',
    'Leave the subject empty (openssl req -subj /), or let it be one CN with your own user name or SPIFFE ID.',
  ),
  CSR_NAME_NOT_OWN: forbidden(
    'NameNotOwn',
    'Ask for no subjectAltName, or for exactly your own SPIFFE ID as the only URI.',
  ),
  CSR_USAGE_MISMATCH: refused(
    'UsageMismatch',
    'List in spec.usages every usage that the request itself asks for in keyUsage and extendedKeyUsage.',
  ),
} as const satisfies ErrorRows<string>;
