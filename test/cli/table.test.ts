import { expect, test } from 'vitest';
import { table } from '#cli/table.ts';

test('columns are as wide as they must be, and no line ends in blanks', () => {
  expect(
    table(
      ['NAME', 'WHY'],
      [
        ['a', ''],
        ['longer', 'because'],
      ],
    ),
  ).toBe('NAME    WHY\na\nlonger  because\n');
  expect(table(['NAME'], [])).toBe('');
});

test('what others wrote cannot steer a terminal', () => {
  const text = table(['X'], [['a\u001b[31mb\u202ec\u0085d\ne\u2028f\u0007']]);
  expect(text).toBe('X\na?[31mb?c?d e f?\n');
});
