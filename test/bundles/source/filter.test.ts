import { describe, expect, it } from 'vitest';
import { filtered, shortened, stillPermitted } from '#bundles/source/filter.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';

const [one, two, three] = [fabricatedAnchor('one'), fabricatedAnchor('two'), fabricatedAnchor('three')];
const content = { anchors: [one, two], note: 'a note' };

describe('a filter', () => {
  it('lets everything through when there is none', () => {
    expect(filtered('inline/a', content, {})).toEqual(content);
  });

  it('lets through what include names', () => {
    expect(filtered('inline/a', content, { include: [two.sha256] })).toEqual({
      anchors: [two],
      note: 'a note',
    });
  });

  it('lets through what exclude does not name', () => {
    expect(filtered('inline/a', { anchors: [one, two] }, { exclude: [two.sha256] })).toEqual({
      anchors: [one],
      note: undefined,
    });
  });

  it.each(['include', 'exclude'])('says which of %s are not there', (member) => {
    const { note } = filtered('inline/a', content, { [member]: [one.sha256, three.sha256] });
    expect(note).toBe(`a note; not among its roots: ${three.sha256.slice(0, 8)}`);
  });

  it('fails when include fits none: that is a mistake', () => {
    expect(() => filtered('inline/a', content, { include: [three.sha256] })).toThrow(
      expect.objectContaining({
        code: 'BUNDLE_SOURCE_FILTERED',
        message: 'inline/a: none of the roots that include names is among its 2',
      }),
    );
  });

  it('may exclude all: whoever names each of them means it', () => {
    expect(filtered('inline/a', { anchors: [one] }, { exclude: [one.sha256] })).toEqual({
      anchors: [],
      note: 'all of its roots are excluded',
    });
  });
});

describe('earlier content', () => {
  it('loses what is excluded by now', () => {
    expect(stillPermitted([one, two], { exclude: [one.sha256] })).toEqual([two]);
    expect(stillPermitted([one], { exclude: [one.sha256] })).toEqual([]);
  });

  it('loses what is not included by now, but not all of it', () => {
    expect(stillPermitted([one, two], { include: [one.sha256] })).toEqual([one]);
    expect(stillPermitted([one, two], { include: [three.sha256] })).toEqual([one, two]);
  });
});

it('many fingerprints are named by their first digits, and the rest counted', () => {
  const many = Array.from({ length: 20 }, (_, index) => String(index).padStart(64, '0'));
  expect(shortened(many.slice(0, 2))).toBe('00000000, 00000000');
  expect(shortened(many)).toMatch(/ and 4 more$/);
});
