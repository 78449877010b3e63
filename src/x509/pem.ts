import { type X509Code, X509Error } from '#x509/error.ts';

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY';

export interface PemLimits {
  /** Size of the whole text. */
  readonly maxBytes: number;
  readonly maxBlocks: number;
}

const defaultLimits: PemLimits = { maxBytes: 1024 * 1024, maxBlocks: 1024 };

const block = /-----BEGIN ([^\r\n]*)-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END ([^\r\n]*)-----(?:\r?\n|$)/y;

/**
 * DER of every block in `text`: one or more, all of this label, with nothing but white space around them (RFC 7468
 * §3, stricter: no headers, no text, no blank inside a block). One damaged block refuses the whole text, because a
 * reader that skips it would silently drop a root. Throws `PEM_*`; messages never quote the text, which may be a key.
 */
export function parsePem(
  text: string | Uint8Array,
  label: PemLabel,
  limits: PemLimits = defaultLimits,
): Buffer[] {
  if (text.length > limits.maxBytes) {
    throw new X509Error(
      'PEM_TOO_LARGE',
      `the PEM text has ${text.length} bytes, more than ${limits.maxBytes}`,
    );
  }
  const source =
    typeof text === 'string'
      ? text
      : Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1');
  const blocks: Buffer[] = [];
  for (let at = skipWhitespace(source, 0); at < source.length; at = skipWhitespace(source, block.lastIndex)) {
    block.lastIndex = at;
    const match = block.exec(source);
    if (match === null || !isLineStart(source, at)) throw damaged(source, at);
    const [, begin = '', body = '', end = ''] = match;
    if (begin !== end) throw refusal('PEM_UNTERMINATED', source, at, 'begins and ends with different labels');
    if (begin !== label)
      throw refusal('PEM_LABEL_UNEXPECTED', source, at, `is a ${printable(begin)}, not a ${label}`);
    if (blocks.length === limits.maxBlocks) {
      throw refusal(
        'PEM_TOO_MANY_BLOCKS',
        source,
        at,
        `is one more than the ${limits.maxBlocks} that are allowed`,
      );
    }
    blocks.push(decodeBody(source, at, body));
  }
  if (blocks.length === 0) throw new X509Error('PEM_NO_BLOCK', `the text has no ${label} block`);
  return blocks;
}

/** RFC 7468 §3 strict text: lines of 64 characters, each ended by a line feed. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let at = 0; at < base64.length; at += 64) text += `${base64.slice(at, at + 64)}\n`;
  return `${text}-----END ${label}-----\n`;
}

/** Node decodes base64 leniently: only a body that it encodes again in the very same way is accepted. */
function decodeBody(source: string, at: number, body: string): Buffer {
  // To OpenSSL a blank line ends a header, and an end line begins where a line does.
  if (!body.endsWith('\n') || /(?:^|\n)\r?\n/.test(body))
    throw refusal('PEM_BASE64_INVALID', source, at, 'has a blank line, or no line of its own for its end');
  const base64 = body.replace(/\r?\n/g, '');
  const der = Buffer.from(base64, 'base64');
  if (der.length === 0 || der.toString('base64') !== base64) {
    throw refusal('PEM_BASE64_INVALID', source, at, 'is not canonical base64');
  }
  return der;
}

/** Why no block begins and ends properly at `at`. */
function damaged(source: string, at: number): X509Error {
  if (!source.startsWith('-----BEGIN ', at) || !isLineStart(source, at)) {
    const code = source.includes('-----BEGIN ') ? 'PEM_TEXT_OUTSIDE_BLOCK' : 'PEM_NO_BLOCK';
    return new X509Error(code, `line ${lineOf(source, at)} is not the beginning of a PEM block`);
  }
  const end = source.indexOf('-----END ', at);
  if (end === -1 || source.slice(at + 1, end).includes('-----BEGIN ')) {
    return refusal('PEM_UNTERMINATED', source, at, 'has no end line of its own');
  }
  if (/^[!-9;-~]+:/m.test(source.slice(at, end))) return refusal('PEM_HEADER', source, at, 'has a header');
  return refusal('PEM_BASE64_INVALID', source, at, 'has something else than lines of base64');
}

function isLineStart(source: string, at: number): boolean {
  return at === 0 || source[at - 1] === '\n';
}

function skipWhitespace(source: string, at: number): number {
  let next = at;
  while (next < source.length && ' \t\r\n'.includes(source.charAt(next))) next += 1;
  return next;
}

function refusal(code: X509Code, source: string, at: number, what: string): X509Error {
  return new X509Error(code, `the PEM block at line ${lineOf(source, at)} ${what}`);
}

function lineOf(source: string, at: number): number {
  return source.slice(0, at).split('\n').length;
}

function printable(label: string): string {
  return /^[A-Z0-9 ]{1,40}$/.test(label) ? label : 'block with an unknown label';
}
