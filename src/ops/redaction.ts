const redacted = '[redacted]';

/**
 * What must not be in a log line, wherever in it. The whole line is searched, because a secret travels in messages,
 * in bindings of child loggers and in values whose key says nothing.
 */
const secrets: readonly { readonly pattern: RegExp; readonly replacement: string }[] = [
  // PEM of keys and requests, with its line breaks as JSON escapes them; cut short it is still a secret.
  {
    pattern:
      /-----BEGIN (?:[A-Z0-9 ]*PRIVATE KEY|CERTIFICATE REQUEST|NEW CERTIFICATE REQUEST)-----[^"-]*(?:-----END [A-Z0-9 ]*-----)?/g,
    replacement: redacted,
  },
  // The same in base64, as Secrets and CertificateSigningRequests hold it ('-----BEGIN').
  { pattern: /LS0tLS1CRUdJT[A-Za-z0-9+/=]*/g, replacement: redacted },
  // JSON Web Tokens ('{"' in base64url), with or without a signature.
  { pattern: /\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, replacement: redacted },
  { pattern: /\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{4,}/gi, replacement: `$1 ${redacted}` },
  {
    pattern:
      /"(authorization|proxy-authorization|cookie|set-cookie|token|accessToken|refreshToken|id-token|password|passphrase|privateKey|private_key|clientKey|client-key-data|tls\.key|secretData|csr|request)":(?:"(?:[^"\\]|\\.)*"|\[[^[\]{}]*\])/gi,
    replacement: `"$1":"${redacted}"`,
  },
];

/** The line without what must not be in it; still one line of valid JSON. */
export function redactLine(line: string): string {
  return secrets.reduce((text, { pattern, replacement }) => text.replace(pattern, replacement), line);
}

const maxDepth = 6;

/**
 * A value fit for a log line: errors as name, code, message, stack and causes and nothing else (an HTTP library hangs
 * headers and bodies on its errors), bytes as their number only.
 */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[deep]';
  if (value instanceof Error) return errorFields(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => loggable(item, depth + 1));
  if (value instanceof Map || value instanceof Set)
    return [...value].map((item) => loggable(item, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  return loggableFields(value, depth);
}

/** The same for the fields of one object, as pino wants it for a whole line. */
export function loggableFields(object: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, loggable(value, depth + 1)]));
}

function errorFields(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error && ['string', 'number'].includes(typeof error.code) ? error.code : undefined;
  return {
    name: error.name,
    code,
    message: error.message,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : loggable(error.cause, depth + 1),
    errors: error instanceof AggregateError ? error.errors.map((one) => loggable(one, depth + 1)) : undefined,
  };
}
