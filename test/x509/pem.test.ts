import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { X509Error } from '#x509/error.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import { refusalOf } from './support/refusal.ts';

const der = Buffer.from(Array.from({ length: 100 }, (_, n) => n));
const pem = encodePem('CERTIFICATE', der);
const parse = (text: string | Uint8Array): Buffer[] => parsePem(text, 'CERTIFICATE');

describe('PEM that is read', () => {
  test.each([
    ['one block', pem],
    ['as bytes', Buffer.from(pem)],
    ['with CRLF', pem.replaceAll('\n', '\r\n')],
    ['without the last line feed', pem.trimEnd()],
    ['with white space around it', `\n \t\r\n${pem}\n\n`],
    [
      'in one long line',
      `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`,
    ],
  ])('%s', (_, text) => {
    expect(parse(text)).toEqual([der]);
  });

  test('several blocks, in order', () => {
    const blocks = [Buffer.from([1]), Buffer.from([2, 3]), der];
    expect(parse(blocks.map((block) => encodePem('CERTIFICATE', block)).join('\n'))).toEqual(blocks);
  });

  test('what encodePem makes, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const text = encodePem('CERTIFICATE', bytes);
        expect(parse(text)).toEqual([Buffer.from(bytes)]);
        expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(64);
      }),
    );
  });
});

describe('PEM that is refused', () => {
  const lines = pem.split('\n');
  const withLine = (line: string): string => [lines[0], line, ...lines.slice(1)].join('\n');
  test.each([
    ['empty', '', 'PEM_NO_BLOCK'],
    ['white space only', ' \n', 'PEM_NO_BLOCK'],
    ['base64 without armour', der.toString('base64'), 'PEM_NO_BLOCK'],
    ['DER', der, 'PEM_NO_BLOCK'],
    ['something else', encodePem('PRIVATE KEY', der), 'PEM_LABEL_UNEXPECTED'],
    [
      'something else after the right one',
      pem + encodePem('CERTIFICATE REQUEST', der),
      'PEM_LABEL_UNEXPECTED',
    ],
    ['an old label', pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'), 'PEM_LABEL_UNEXPECTED'],
    ['text before', `Certificate:\n${pem}`, 'PEM_TEXT_OUTSIDE_BLOCK'],
    ['text after', `${pem}the end`, 'PEM_TEXT_OUTSIDE_BLOCK'],
    ['text between', `${pem}# root 2\n${pem}`, 'PEM_TEXT_OUTSIDE_BLOCK'],
    ['a byte order mark', `\ufeff${pem}`, 'PEM_TEXT_OUTSIDE_BLOCK'],
    [
      'damaged armour of a second block',
      pem + pem.replace('-----BEGIN', '----BEGIN'),
      'PEM_TEXT_OUTSIDE_BLOCK',
    ],
    ['blanks before a block', ` ${pem}`, 'PEM_TEXT_OUTSIDE_BLOCK'],
    ['a blank line within', withLine('\n'), 'PEM_BASE64_INVALID'],
    ['a blank line first', pem.replace('-----\n', '-----\n\n'), 'PEM_BASE64_INVALID'],
    ['no line of its own for the end', pem.replace('\n-----END', '-----END'), 'PEM_BASE64_INVALID'],
    ['headers', withLine('Proc-Type: 4,ENCRYPTED\n'), 'PEM_HEADER'],
    ['text within', withLine('what is this'), 'PEM_BASE64_INVALID'],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', 'PEM_BASE64_INVALID'],
    ['no end', lines.slice(0, -2).join('\n'), 'PEM_UNTERMINATED'],
    ['no end of the first', lines.slice(0, -2).join('\n') + pem, 'PEM_UNTERMINATED'],
    ['another end', pem.replace('END CERTIFICATE', 'END PRIVATE KEY'), 'PEM_UNTERMINATED'],
    ['a blank at the end of a line', pem.replace(/\n(?=.*\n-----END)/, ' \n'), 'PEM_BASE64_INVALID'],
    ['padding missing', pem.replace('==', ''), 'PEM_BASE64_INVALID'],
    ['padding too much', pem.replace('==', '==='), 'PEM_BASE64_INVALID'],
    [
      'padding in the middle',
      pem.replace('BEGIN CERTIFICATE-----\n', 'BEGIN CERTIFICATE-----\nAA==\n'),
      'PEM_BASE64_INVALID',
    ],
    ['bits in the padding', pem.replace('w==', 'x=='), 'PEM_BASE64_INVALID'],
    ['base64url', encodePem('CERTIFICATE', Buffer.alloc(9, 0xff)).replaceAll('/', '_'), 'PEM_BASE64_INVALID'],
  ])('%s', (_, text, code) => {
    expect(refusalOf(() => parse(text))).toBe(code);
  });

  test('more bytes or blocks than allowed', () => {
    const limits = { maxBytes: pem.length * 2, maxBlocks: 1 };
    expect(parsePem(pem, 'CERTIFICATE', limits)).toEqual([der]);
    expect(refusalOf(() => parsePem(pem + pem, 'CERTIFICATE', limits))).toBe('PEM_TOO_MANY_BLOCKS');
    expect(refusalOf(() => parsePem(`${pem}${pem}\n`, 'CERTIFICATE', limits))).toBe('PEM_TOO_LARGE');
  });

  test('messages do not quote what may be a key', () => {
    const key = encodePem('PRIVATE KEY', Buffer.from('top secret bytes, many of them, really'));
    const damaged = key.replace('=', '!');
    expect(() => parsePem(damaged, 'PRIVATE KEY')).toThrow(/^the PEM block at line 1 [a-z0-9 ]+$/);
    expect(() => parsePem(`x${key}`, 'PRIVATE KEY')).toThrow(/^line 1 [a-zA-Z ]+$/);
  });

  test('any change of one character gives the same bytes, or an X509Error', () => {
    fc.assert(
      fc.property(fc.nat(pem.length - 1), fc.string({ maxLength: 2 }), (at, replacement) => {
        try {
          const [block] = parse(pem.slice(0, at) + replacement + pem.slice(at + 1));
          expect(encodePem('CERTIFICATE', block ?? der).replaceAll('\n', '')).toBe(
            (pem.slice(0, at) + replacement + pem.slice(at + 1)).replace(/[ \t\r\n]+(?!CERT)/g, ''),
          );
        } catch (error) {
          if (!(error instanceof X509Error)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
