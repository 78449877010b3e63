import * as fc from 'fast-check';
import { damage, damaged } from './mutation.ts';

/** Lines and what stands between them: doubled, dropped, exchanged, glued together, or with something put in. */
const textChange = fc.array(
  fc.record({
    line: fc.nat(200),
    at: fc.nat(64),
    how: fc.constantFrom('double', 'drop', 'exchange', 'glue', 'split', 'insert', 'replace', 'case'),
    text: fc.constantFrom(
      ' ',
      '\t',
      '\r',
      '\0',
      '=',
      '-',
      '\u00a0',
      '\ufeff',
      'A',
      '=A',
      '-----',
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      'Key: value',
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
type TextChange = typeof textChange extends fc.Arbitrary<infer T> ? T : never;

function changedText(text: string, list: TextChange): string {
  let lines = text.split('\n');
  for (const { line, at, how, text: added } of list) {
    const index = line % lines.length;
    const [current = '', next = ''] = lines.slice(index, index + 2);
    const replacement = {
      double: [current, current, next],
      drop: [next],
      exchange: [next, current],
      glue: [current + next],
      split: [current.slice(0, at), current.slice(at), next],
      insert: [current.slice(0, at) + added + current.slice(at), next],
      replace: [current.slice(0, at) + added + current.slice(at + added.length), next],
      case: [current.toLowerCase(), next],
    };
    lines = lines.toSpliced(index, 2, ...replacement[how]);
  }
  return lines.join('\n');
}

/** Of a text or of its bytes. */
export const anyTextChange = fc.oneof(
  textChange.map((list) => (text: string) => changedText(text, list)),
  damage.map((list) => (text: string) => damaged(Buffer.from(text, 'latin1'), list).toString('latin1')),
);
