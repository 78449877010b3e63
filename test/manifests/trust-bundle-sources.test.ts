import { describe, test } from 'vitest';
import type { Spec } from './dry-run.ts';
import { bundleSpec, expectAccepted, expectRefused } from './trust-bundle.ts';

const source = (...sources: Spec[]): Spec => ({ sources });
const selector = { matchLabels: { team: 'pki' } };
const where = (...matchExpressions: Spec[]): Spec =>
  source({ configMap: { selector: { matchExpressions } } });
const together = 'signerName and selector go together';
const print = '0'.repeat(64);
const pem = 'x';
const values = 'In and NotIn need values, Exists and DoesNotExist take none';
const refused: readonly [string, Spec, string][] = [
  [
    'a source of two kinds',
    source({ authority: { name: 'mesh' }, publicRoots: { from: 'mozilla' } }),
    'spec.sources[0]: Invalid value: must have exactly one of: authority, configMap, secret, inline, file, clusterTrustBundle, publicRoots',
  ],
  ...(['configMap', 'secret'] as const).flatMap((kind): [string, Spec, string][] => [
    [
      `${kind}: neither name nor selector`,
      source({ [kind]: {} }),
      'must have exactly one of: name, selector',
    ],
    [
      `${kind}: name and selector`,
      source({ [kind]: { name: 'corporate', selector } }),
      'must have exactly one of: name, selector',
    ],
    [
      `${kind}: an empty selector`,
      source({ [kind]: { selector: { matchLabels: {} } } }),
      'must have at least one requirement: an empty selector would select everything',
    ],
    [`${kind}: a strange name`, source({ [kind]: { name: 'A' } }), 'must be the name of a '],
    [
      `${kind}: a key that can be none`,
      source({ [kind]: { name: 'corporate', keys: ['a/b'] } }),
      "must be a key, in which '*' stands for any characters",
    ],
  ]),
  ['a selector that asks for no value of any', where({ key: 'a', operator: 'In' }), values],
  ['a selector that gives a value to Exists', where({ key: 'a', operator: 'Exists', values: ['b'] }), values],
  [
    'inline PEM without a name that can be one',
    source({ inline: { name: 'A', pem } }),
    'a name for these roots',
  ],
  ['a file outside of the directory', source({ file: { name: '../shadow' } }), 'the name of a file source'],
  ['a file that is the directory', source({ file: { name: '..' } }), 'the name of a file source'],
  [
    'a ClusterTrustBundle of no name',
    source({ clusterTrustBundle: {} }),
    'must have exactly one of: name, signerName',
  ],
  ['a signer name without a selector', source({ clusterTrustBundle: { signerName: 'a.b/c' } }), together],
  ['a selector without a signer name', source({ clusterTrustBundle: { name: 'x', selector } }), together],
  [
    'a ClusterTrustBundle by an empty selector',
    source({ clusterTrustBundle: { signerName: 'a.b/c', selector: {} } }),
    'must have at least one requirement',
  ],
  [
    'include and exclude together',
    source({ publicRoots: { from: 'mozilla' }, include: [print], exclude: [print] }),
    'include and exclude exclude each other',
  ],
  [
    'retainSeconds and retainUntil together',
    source({
      publicRoots: { from: 'mozilla' },
      retainSeconds: 0,
      retainUntil: '2026-12-31T00:00:00Z',
    }),
    'retainSeconds and retainUntil exclude each other',
  ],
  ...['2026-12-31', '2026-12-31T25:00:00Z', '2026-12-31T00:00:00', 'tomorrow', '86400', 'expired'].map(
    (bad): [string, Spec, string] => [
      `${bad} for a time`,
      source({ publicRoots: { from: 'mozilla' }, retainUntil: bad }),
      'must be a time such as 2026-12-31T00:00:00Z (RFC 3339), or Expired',
    ],
  ),
  ...['2026-02-30T00:00:00Z', '2026-13-01T00:00:00Z', '0000-00-00T00:00:00Z'].map(
    (bad): [string, Spec, string] => [
      `${bad} for a day`,
      source({ publicRoots: { from: 'mozilla' }, retainUntil: bad }),
      'must be a day that the calendar has',
    ],
  ),
  ...['A'.repeat(64), print.slice(1), `${print.slice(0, 62)}:0`].map((bad): [string, Spec, string] => [
    `${bad} for a fingerprint`,
    source({ publicRoots: { from: 'mozilla' }, exclude: [bad] }),
    'must be a SHA-256 fingerprint: 64 hex digits in lower case, without colons',
  ]),
  [
    'an authority with a strange name',
    { sources: [{ authority: { name: 'Mesh' } }] },
    'must be the name of a CertificateAuthority',
  ],
];

describe('a source is refused by the API server and by the parser in the same words', () => {
  test.each(refused)('%s', async (_name, change, message) => {
    await expectRefused(change, message);
  });

  test.each([
    [
      'every kind of source, with all that can be said of one',
      source(
        ...bundleSpec.sources,
        { configMap: { name: 'corporate', keys: ['*.pem'] }, optional: true },
        {
          secret: { selector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
          keepLastSeconds: 0,
        },
        { inline: { name: 'partner', pem }, retainSeconds: 86_400 },
        { file: { name: 'corporate' }, include: [print], retainUntil: '2024-02-29T23:59:59.5+02:00' },
        { clusterTrustBundle: { signerName: 'a.b/c', selector }, exclude: [print] },
        { clusterTrustBundle: { name: 'a.b:c:d' }, retainUntil: 'Expired' },
        { publicRoots: { from: 'system' } },
      ),
    ],
  ])('but %s is accepted', async (_name, change) => {
    await expectAccepted(change);
  });
});
