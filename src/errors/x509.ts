import { type ErrorRow, type ErrorRows, internal, refused } from '#errors/row.ts';
import type { X509Code } from '#x509/error.ts';

const malformed = (fix: string): ErrorRow => refused('MalformedEncoding', fix);
const badName = (fix: string): ErrorRow => refused('InvalidName', fix);
const badKey = (fix: string): ErrorRow => refused('UnacceptableKey', fix);
const badSignature = (fix: string): ErrorRow => refused('UnacceptableSignature', fix);
const badExtension = (fix: string): ErrorRow => refused('InvalidExtension', fix);
const badRequest = (fix: string): ErrorRow => refused('InvalidCertificateRequest', fix);
const badCertificate = (fix: string): ErrorRow => refused('InvalidCertificate', fix);
const untrusted = (fix: string): ErrorRow => refused('UntrustedCertificate', fix);
const lint = (fix: string): ErrorRow => internal('CertificateLintFailed', fix);

const derTool = 'Encode it with a tool that writes DER, such as `openssl req`';
const lintBug = 'This is a bug: nothing was signed. Report it with the log lines around it.';

/** Rows for the codes that x509/ throws; that room imports nothing, so its codes are declared there. */
export const x509Errors: ErrorRows<X509Code> = {
  DER_TRUNCATED: malformed('Send the complete DER encoding; it ends too early.'),
  DER_TRAILING_BYTES: malformed('Remove the bytes that follow the end of an element.'),
  DER_LENGTH_INDEFINITE: malformed(`${derTool}; indefinite lengths are BER.`),
  DER_LENGTH_NOT_MINIMAL: malformed(`${derTool}; a length must have its shortest form.`),
  DER_TAG_LONG_FORM: malformed(`${derTool}; no type in use here has a tag of several bytes.`),
  DER_TAG_UNEXPECTED: malformed(
    'Check that this is the right kind of object; an element of another type stands where the message says.',
  ),
  DER_TOO_DEEP: malformed('Send an object that is nested at most 16 levels deep.'),
  DER_BOOLEAN_INVALID: malformed(`${derTool}; TRUE is the byte ff and FALSE is 00.`),
  DER_NULL_INVALID: malformed(`${derTool}; a NULL has no contents.`),
  DER_INTEGER_INVALID: malformed(
    'Correct the number that the message names; it is empty, negative or too large.',
  ),
  DER_INTEGER_NOT_MINIMAL: malformed(`${derTool}; an INTEGER must have its shortest form.`),
  DER_BIT_STRING_INVALID: malformed(
    `${derTool}; unused bits are zero, and flags have no trailing zero bits.`,
  ),
  DER_BIT_STRING_UNUSED_BITS: malformed(`${derTool}; keys and signatures are whole octets.`),
  DER_STRING_INVALID: malformed(
    `${derTool}; a BMPString has two bytes for each character, and a UniversalString four.`,
  ),
  DER_OID_INVALID: malformed(`${derTool}; an object identifier is empty, padded, cut off or too long.`),
  DER_SET_ORDER: malformed(`${derTool}; the members of a SET OF are sorted by their encoding.`),
  DER_TIME_INVALID: malformed(
    'Write times as YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, on a day that the calendar has.',
  ),
  DER_TIME_FORM: malformed('Write years through 2049 as UTCTime and only later ones as GeneralizedTime.'),
  DER_DEFAULT_ENCODED: malformed(
    `${derTool}; a value that is the default, such as critical = FALSE, is left out.`,
  ),

  PEM_TOO_LARGE: malformed('Send less; the PEM text is larger than what is read here.'),
  PEM_TOO_MANY_BLOCKS: malformed('Send fewer PEM blocks; a certificate request is exactly one.'),
  PEM_NO_BLOCK: malformed('Send PEM text that begins with -----BEGIN; base64 or DER alone is not read.'),
  PEM_LABEL_UNEXPECTED: malformed('Send the kind of object that the message names.'),
  PEM_TEXT_OUTSIDE_BLOCK: malformed(
    'Remove the text around the PEM blocks, such as the output of `openssl -text`.',
  ),
  PEM_HEADER: malformed('Remove the headers within the PEM block; encrypted keys are not read.'),
  PEM_UNTERMINATED: malformed('Give every -----BEGIN line its -----END line with the same label.'),
  PEM_BASE64_INVALID: malformed(
    'Copy the PEM block again without changes; its lines are not canonical base64.',
  ),

  SPIFFE_ID_TOO_LONG: badName('Use a SPIFFE id of at most 2048 bytes.'),
  SPIFFE_SCHEME_INVALID: badName('Begin the id with spiffe:// in lower case.'),
  SPIFFE_TRUST_DOMAIN_INVALID: badName(
    'Use a trust domain of a-z, 0-9, dot, dash and underscore, without port or user.',
  ),
  SPIFFE_PATH_CHARACTER: badName(
    'Use only a-z, A-Z, 0-9, dot, dash and underscore in path segments; percent-encoding is not allowed.',
  ),
  SPIFFE_PATH_EMPTY_SEGMENT: badName('Remove double slashes and the slash at the end of the path.'),
  SPIFFE_PATH_DOT_SEGMENT: badName('Remove the segments . and .. from the path.'),

  NAME_INVALID: badName('Give every part of the distinguished name at least one attribute.'),
  NAME_STRING_INVALID: badName(
    'Use characters that the string type of the name has; UTF8String has all but NUL.',
  ),
  NAME_TOO_MANY_ATTRIBUTES: badName('Use at most 32 attributes in a distinguished name.'),
  GENERAL_NAME_INVALID: badName(
    'Correct the alternative name; it is empty, of an unknown kind or not of the form of its kind, or an address of a wrong length.',
  ),
  GENERAL_NAME_NOT_PRINTABLE: badName(
    'Use printable ASCII without blanks in URIs, DNS names and e-mail addresses.',
  ),
  GENERAL_NAMES_EMPTY: badName('Leave the extension out, or put a name into it.'),
  GENERAL_NAMES_TOO_MANY: badName('Ask for at most 32 alternative names.'),

  KEY_ALGORITHM_UNSUPPORTED: badKey('Use an ECDSA P-256, P-384 or Ed25519 key.'),
  KEY_PARAMETERS_INVALID: badKey(
    'Encode the key with OpenSSL or another tool that follows RFC 5480, RFC 8410 and RFC 3279.',
  ),
  KEY_EXPLICIT_PARAMETERS: badKey('Name the curve: `openssl ecparam -param_enc named_curve`.'),
  KEY_CURVE_UNSUPPORTED: badKey('Use the curve P-256 or P-384.'),
  KEY_POINT_COMPRESSED: badKey('Encode the point uncompressed: `openssl ec -conv_form uncompressed`.'),
  KEY_POINT_INVALID: badKey('Make a new key; this one is not a point of its curve.'),
  KEY_RSA_SIZE: badKey('Use an RSA key of 2048, 3072 or 4096 bits, or better an ECDSA P-256 key.'),
  KEY_RSA_EXPONENT: badKey('Use an RSA key with the public exponent 65537.'),
  KEY_RSA_MODULUS: badKey('Make a new key; a product of two large primes is odd.'),
  KEY_RSA_SMALL_FACTOR: badKey(
    'Make a new key with another program or device; a small prime divides this one, so anybody can break it.',
  ),
  KEY_RSA_ROCA: badKey(
    'Make a new key outside the device that made this one, and update its firmware; see CVE-2017-15361.',
  ),
  KEY_RSA_CLOSE_PRIMES: badKey(
    'Make a new key with another program or device; its two primes are so close that anybody can find them.',
  ),
  KEY_UNUSABLE: badKey('Make a new key; OpenSSL refuses this one.'),

  SIGNATURE_ALGORITHM_UNSUPPORTED: badSignature(
    'Sign with ECDSA or RSA PKCS #1 v1.5 over SHA-256, SHA-384 or SHA-512, or with Ed25519.',
  ),
  SIGNATURE_PARAMETERS_INVALID: badSignature(
    'Leave the algorithm parameters out for ECDSA and Ed25519, and write NULL for RSA.',
  ),
  SIGNATURE_KEY_MISMATCH: badSignature('Sign with an algorithm that belongs to the type of the key.'),

  EXTENSION_DUPLICATE: badExtension('Put each extension in once; join alternative names into one extension.'),
  EXTENSION_TRAILING_BYTES: badExtension('Remove the bytes that follow the value within the extension.'),
  EXTENSION_CRITICAL_UNKNOWN: badExtension('Do not ask for this extension, or not as critical.'),
  EXTENSIONS_EMPTY: badExtension('Leave the list of extensions out when it has none.'),
  EXTENSIONS_TOO_MANY: badExtension('Ask for at most 20 extensions.'),
  BASIC_CONSTRAINTS_INVALID: badExtension('Give a path length only together with CA:TRUE.'),
  KEY_USAGE_INVALID: badExtension('Set at least one of the nine key usages of RFC 5280 and no other bit.'),
  EXTENDED_KEY_USAGE_INVALID: badExtension('Name 1 to 32 purposes, each once.'),
  KEY_ID_INVALID: badExtension(
    'Use a key identifier of 1 to 64 bytes, with issuer and serial number both or neither.',
  ),

  CSR_TOO_LARGE: badRequest('Send a certificate request of at most 16 KiB.'),
  CSR_VERSION_UNSUPPORTED: badRequest('Send a PKCS #10 request of version 1, which is encoded as 0.'),
  CSR_ATTRIBUTE_DUPLICATE: badRequest(
    'Put each attribute in once, with all extensions in one extensionRequest.',
  ),
  CSR_ATTRIBUTE_INVALID: badRequest('Give each attribute a value, and extensionRequest exactly one.'),
  CSR_ATTRIBUTES_TOO_MANY: badRequest('Send at most 16 attributes; only extensionRequest is used.'),
  CSR_CHALLENGE_PASSWORD: badRequest(
    'Leave the challenge password out: it is never used, and others can read it. If you use it elsewhere, change it.',
  ),
  CSR_SIGNATURE_INVALID: badRequest(
    'Sign the request with the private key that belongs to its public key, after the last change to it.',
  ),

  CERTIFICATE_TOO_LARGE: badCertificate('Use a certificate of at most 64 KiB.'),
  CERTIFICATE_VERSION_UNSUPPORTED: badCertificate('Use an X.509 version 3 certificate.'),
  CERTIFICATE_SERIAL_INVALID: badCertificate(
    'Use a certificate whose serial number is positive and has at most 20 octets.',
  ),
  CERTIFICATE_SIGNATURE_ALGORITHM_MISMATCH: badCertificate(
    'Do not trust this certificate; its two signature algorithms must be the same.',
  ),
  CERTIFICATE_ISSUER_EMPTY: badCertificate('Use a certificate that names its issuer.'),
  CERTIFICATE_VALIDITY_INVALID: badCertificate('Use a certificate that ends after it begins.'),
  CERTIFICATE_UNIQUE_ID: badCertificate('Use a certificate without issuer and subject unique identifiers.'),

  NAME_CONSTRAINTS_INVALID: badCertificate(
    'Use another authority; the name constraints of this one say nothing that RFC 5280 gives a meaning to.',
  ),
  PATH_ISSUER_UNKNOWN: untrusted(
    'Send the missing intermediate along, or add the root that the message names to the bundle if it is to be trusted.',
  ),
  PATH_SIGNATURE_INVALID: untrusted(
    'Look for an issuer of the same name but with another key; if there is none, the certificate was changed or forged.',
  ),
  PATH_NOT_YET_VALID: untrusted('Wait until the certificate is valid, or correct the clock.'),
  PATH_EXPIRED: untrusted('Renew the certificate that the message names, or correct the clock.'),
  PATH_NOT_A_CA: untrusted('Have the certificate issued by an authority; the one that issued it is none.'),
  PATH_LEAF_IS_CA: untrusted('Give the workload a certificate of its own, not that of an authority.'),
  PATH_LENGTH_EXCEEDED: untrusted('Issue with fewer intermediates, or under an authority that allows more.'),
  PATH_KEY_USAGE: untrusted('Have the certificate issued again with the key usage that the message names.'),
  PATH_PURPOSE: untrusted(
    'Have the certificate issued for this purpose; an authority must have it, too, if it names purposes at all.',
  ),
  PATH_EXTENSION_UNKNOWN: untrusted(
    'Use a certificate without this extension; it limits the certificate in a way that is not understood here.',
  ),
  PATH_CRITICALITY: untrusted(
    'Have the certificate issued again with the extension critical, or not, as RFC 5280 says.',
  ),
  PATH_KEY_ID_MISSING: untrusted(
    'Have the certificate issued again with its key ids; without them authorities of one name cannot be told apart.',
  ),
  PATH_SUBJECT_EMPTY: untrusted('Use an authority that has a name.'),
  PATH_NAME_NOT_PERMITTED: untrusted('Use an authority whose name constraints permit this name.'),
  PATH_NAME_EXCLUDED: untrusted('Use an authority whose name constraints do not exclude this name.'),
  PATH_NAME_UNREADABLE: untrusted(
    'Leave the name out, or write it as RFC 5280 says; its kind is constrained, and it cannot be judged as it is.',
  ),
  PATH_NAME_MISMATCH: untrusted(
    'Connect to the workload that is meant, or have the name put into its certificate.',
  ),
  PATH_TOO_LONG: untrusted('Use a chain of at most 6 certificates, leaf and root included.'),
  PATH_BUDGET_EXHAUSTED: untrusted(
    'Send only the certificates of the chain; these were so many and so alike that the search was given up.',
  ),

  LINT_MALFORMED: lint(lintBug),
  LINT_VERSION: lint(lintBug),
  LINT_SERIAL: lint(lintBug),
  LINT_SIGNATURE_ALGORITHM: lint(lintBug),
  LINT_ISSUER: lint(lintBug),
  LINT_VALIDITY: lint(lintBug),
  LINT_SUBJECT: lint(lintBug),
  LINT_PUBLIC_KEY: lint(lintBug),
  LINT_EXTENSION_DUPLICATE: lint(lintBug),
  LINT_EXTENSION_UNEXPECTED: lint(lintBug),
  LINT_EXTENSION_MISSING: lint(lintBug),
  LINT_CRITICALITY: lint(lintBug),
  LINT_BASIC_CONSTRAINTS: lint(lintBug),
  LINT_KEY_USAGE: lint(lintBug),
  LINT_EXTENDED_KEY_USAGE: lint(lintBug),
  LINT_SUBJECT_ALT_NAME: lint(lintBug),
  LINT_SUBJECT_KEY_ID: lint(lintBug),
  LINT_AUTHORITY_KEY_ID: lint(lintBug),

  ENCODING_INVALID: internal(
    'InternalError',
    'This is a bug: a value has no encoding. Report it with the log lines around it.',
  ),
};
