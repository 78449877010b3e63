import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { compareHoldings } from '#bundles/bundle/comparison.ts';
import { statusCertificates, statusHolding, textHolding } from '#bundles/bundle/holding.ts';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { makeRoot, pem } from '../support/roots.ts';

let a: Buffer;
let b: Buffer;
let c: Buffer;
beforeAll(async () => {
  const named = (name: string): Promise<Buffer> =>
    makeRoot({
      subject: `CN=${name}`,
      notBefore: new Date('2026-01-02T03:04:05Z'),
      notAfter: new Date('2036-01-02T03:04:05Z'),
    });
  [a, b, c] = await Promise.all([named('a'), named('b'), named('c')]);
});

const sha256 = (der: Buffer): string => createHash('sha256').update(der).digest('hex');
const holding = (place: string, ...ders: Buffer[]) =>
  textHolding(place, ders.map((der) => pem(der)).join('\n'));

describe('two places', () => {
  test('are alike whatever the order, the line ends and the repetitions', () => {
    const one = holding('one', a, b);
    const other = textHolding('other', Buffer.from((pem(b) + pem(a) + pem(b)).replaceAll('\n', '\r\n')));
    expect(compareHoldings(one, other)).toEqual({
      alike: true,
      places: [
        { place: 'one', roots: 2 },
        { place: 'other', roots: 2 },
      ],
      common: 2,
      differences: [],
    });
  });

  test('differ by root: who has it, who lacks it', () => {
    const comparison = compareHoldings(holding('one', a, b), holding('other', b, c));
    const dates = { notBefore: '2026-01-02T03:04:05Z', notAfter: '2036-01-02T03:04:05Z' };
    expect(comparison).toMatchObject({ alike: false, common: 1 });
    expect(comparison.differences).toHaveLength(2);
    expect(comparison.differences).toEqual(
      expect.arrayContaining([
        { sha256: sha256(a), subject: 'CN=a', ...dates, in: 'one', notIn: 'other' },
        { sha256: sha256(c), subject: 'CN=c', ...dates, in: 'other', notIn: 'one' },
      ]),
    );
    // Whichever comes first: one of the two ways they would be out of order by themselves.
    for (const [one, other] of [[a, c] as const, [c, a] as const]) {
      const { differences } = compareHoldings(holding('one', one), holding('other', other));
      expect(differences.map(({ sha256 }) => sha256)).toEqual([sha256(a), sha256(c)].toSorted());
    }
  });

  test('a certificate that cannot be read counts, and it is said why', () => {
    const garbage = Buffer.from('no certificate at all');
    const { differences } = compareHoldings(holding('one', a, garbage), holding('other', a));
    expect(differences).toEqual([
      {
        sha256: sha256(garbage),
        unreadable: { code: 'DER_TAG_UNEXPECTED', message: expect.any(String) },
        in: 'one',
        notIn: 'other',
      },
    ]);
  });

  test.each([
    ['a key', () => `${pem(a)}${pem(Buffer.from('my secret key'), 'PRIVATE KEY')}`],
    ['text', () => `my secret key\n${pem(a)}`],
    ['damage', () => pem(a).replace('\n', '\nmy secret key')],
    ['nothing', () => ''],
  ])('%s in a text is refused, naming the place and quoting nothing', (_what, text) => {
    const refusal = expect.objectContaining({ code: 'BUNDLE_PEM_INVALID' });
    expect(() => textHolding('roots.pem', text())).toThrow(refusal);
    expect(() => textHolding('roots.pem', text())).toThrow(/^roots\.pem: (?!.*secret)/);
  });
});

describe('a TrustBundle', () => {
  const place = 'TrustBundle/east.test';
  const bundle = (...ders: Buffer[]): TrustBundle => ({
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'TrustBundle',
    metadata: { name: 'east.test' },
    spec: { trustDomain: 'east.test', sources: [], targets: [] },
    status: {
      anchors: ders.map((der) => ({
        sha256: sha256(der),
        subject: 'CN=told',
        notBefore: '2026-01-02T03:04:05Z',
        notAfter: '2036-01-02T03:04:05Z',
        source: 'inline/told',
      })),
    },
  });

  test('holds what its status says', () => {
    expect(compareHoldings(statusHolding(place, bundle(a, b)), holding('file', a, b)).alike).toBe(true);
    expect(compareHoldings(statusHolding(place, bundle(a, b)), holding('file', b)).differences).toEqual([
      expect.objectContaining({ sha256: sha256(a), subject: 'CN=told', in: place, notIn: 'file' }),
    ]);
  });

  test('has its certificates in its targets, whichever holds them, and no others', () => {
    const published = ['garbage', pem(a) + pem(c), pem(b)];
    expect(statusCertificates(place, bundle(a, b), published)).toEqual({
      place,
      trustDomain: 'east.test',
      certificates: [a, b],
    });
  });

  test('whose targets lack a root is not half of itself', () => {
    expect(() => statusCertificates(place, bundle(a, b), [pem(a)])).toThrow(
      expect.objectContaining({
        code: 'PLACE_INCOMPLETE',
        message: expect.stringContaining(sha256(b).slice(0, 8)),
      }),
    );
  });

  test('without a status is no empty set', () => {
    const { status: _, ...unreported } = bundle(a);
    for (const empty of [unreported, bundle()]) {
      const refusal = expect.objectContaining({ code: 'PLACE_EMPTY' });
      expect(() => statusHolding(place, empty)).toThrow(refusal);
      expect(() => statusCertificates(place, empty, [pem(a)])).toThrow(refusal);
    }
  });
});
