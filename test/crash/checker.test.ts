import { beforeAll, expect, test } from 'vitest';
import { opensslRequest } from '../csr/support/requester.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { violations } from './checker.ts';
import {
  chainOf,
  change,
  damaged,
  deliver,
  encoded,
  entry,
  type Plant,
  plants,
  rootOf,
  afterwards,
} from './plant.ts';
import { evidenceOf, type Sound, soundEvidence } from './sound-evidence.ts';

let sound: Sound;
beforeAll(async () => {
  sound = await soundEvidence(scratchDirectory());
});

test('nothing is said of a run that nothing is wrong with', () => {
  expect(violations(evidenceOf(sound.copy()))).toEqual([]);
});

plants(() => sound, 'roots', [
  ['generation 1 had 2 different names', change('secrets', ({ metadata }) => void (metadata.name = 'other'))],
  ['generation 1 had 2 different UIDs', change('secrets', ({ metadata }) => void (metadata.uid = 's-2'))],
  [
    'generation 1 had 2 different certificates',
    change('secrets', (object) => void (object.data = { ...object.data, 'tls.crt': encoded(sound.twin) })),
  ],
  [
    'generation 1 had 2 different keys',
    change('secrets', (object) => void (object.data = { ...object.data, 'tls.key': 'AAAA' })),
  ],
  [
    '^generation 1 is Secret mangrove-system/other',
    ({ seen }) => seen.secrets.forEach(({ object }) => void (object.metadata.name = 'other')),
  ],
  [
    'generation 1 was deleted at revision 90',
    afterwards('secrets', (_, version) => void (version.deleted = true)),
  ],
  ['generation 1 is not immutable', change('secrets', (object) => void (object.immutable = false))],
  [
    'published-at changed at',
    change('secrets', ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, 'mangrove.dev/published-at': '2026-11-28T00:00:00Z' };
    }),
  ],
  [
    'two roots have one key',
    afterwards('secrets', ({ metadata, data }) => {
      metadata.labels = { ...metadata.labels, 'mangrove.dev/generation': '2' };
      if (data !== undefined) data['tls.crt'] = encoded(sound.twin);
    }),
  ],
  [
    'two roots have one name',
    (evidence) => {
      afterwards('secrets', ({ metadata, data }) => {
        metadata.labels = { ...metadata.labels, 'mangrove.dev/generation': '2' };
        if (data !== undefined) data['tls.crt'] = encoded(damaged(rootOf(evidence)));
      })(evidence);
    },
  ],
  [
    '^root [^]*: [^]*signature failure',
    (evidence) =>
      evidence.seen.secrets.forEach(({ object }) => {
        object.data = { ...object.data, 'tls.crt': encoded(damaged(rootOf(evidence))) };
      }),
  ],
  [
    'is no CA certificate',
    (evidence) =>
      evidence.seen.secrets.forEach(({ object }) => {
        object.data = { ...object.data, 'tls.crt': encoded(chainOf(evidence)[0] ?? '') };
      }),
  ],
  [
    'revision 15: 2 roots are Active',
    change('authorities', ({ status }) => status?.authorities?.push({ phase: 'Active' })),
  ],
  [
    'authority/activate was reached, and nothing is published',
    (evidence) => {
      evidence.seen.clusterTrustBundles.length = 0;
      evidence.fallen = [{ step: 'authority/activate', fresh: [] }];
    },
  ],
  [
    'published-at was written at revision 13; the root was published at 90',
    change('clusterTrustBundles', (_, version) => void (version.revision = 90)),
  ],
  [
    'activated-at was written at revision 14; the root was published at none',
    ({ seen }) => void (seen.clusterTrustBundles.length = 0),
  ],
]);

plants(() => sound, 'what is published', [
  [
    '^published are other, not',
    change('clusterTrustBundles', ({ metadata }) => void (metadata.name = 'other')),
  ],
  [
    'the bundle was made 2 times',
    afterwards('clusterTrustBundles', ({ metadata }) => void (metadata.uid = 'b-2')),
  ],
  [
    'the bundle was deleted',
    afterwards('clusterTrustBundles', (_, version) => void (version.deleted = true)),
  ],
  ['the bundle is empty', afterwards('clusterTrustBundles', ({ spec = {} }) => void (spec.trustBundle = ''))],
  [
    'which is no root of ours',
    afterwards('clusterTrustBundles', ({ spec = {} }) => void (spec.trustBundle += sound.twin)),
  ],
  [
    'no workload can select',
    afterwards('clusterTrustBundles', ({ metadata }) => void (metadata.labels = {})),
  ],
  [
    'is of another trust domain',
    afterwards('clusterTrustBundles', ({ metadata }) => void (metadata.annotations = {})),
  ],
  [
    'web-1 had its certificate at revision 22, its root was published at 90',
    change('clusterTrustBundles', (_, version) => void (version.revision = 90)),
  ],
  [
    'revision 90 lacks the root of web-1, which lives',
    afterwards('clusterTrustBundles', ({ spec = {} }) => void (spec.trustBundle = sound.twin)),
  ],
]);

plants(() => sound, 'what is delivered', [
  [
    'web-1 is Failed \\(KeyNotAllowed\\)',
    change('requests', ({ status }) =>
      status?.conditions?.push({ type: 'Failed', status: 'True', reason: 'KeyNotAllowed' }),
    ),
  ],
  [
    'a request got two certificates',
    (evidence) => {
      afterwards('requests', () => undefined)(evidence);
      deliver((leaf, issuing) => `${leaf}${issuing}\n`)(evidence);
    },
  ],
  ['^web-1: .*error', deliver((leaf, issuing) => damaged(leaf) + issuing)],
  [
    'web-1 is for URI:spiffe://east.test',
    (evidence) => void (evidence.spiffeId = 'spiffe://east.test/other'),
  ],
  [
    'web-1 is of another key',
    ({ seen }) => {
      for (const { object } of seen.requests)
        object.spec = { ...object.spec, request: encoded(opensslRequest()) };
    },
  ],
  ['web-1 has the extendedKeyUsage \\[\\]', deliver((_, issuing) => issuing + issuing)],
  ['web-1 is a CA certificate', deliver((_, issuing) => issuing + issuing)],
  ['web-1 outlives its issuing certificate', deliver((leaf) => leaf + sound.short)],
]);

plants(() => sound, 'what is recorded', [
  [
    'web-1: no ledger has its certificate',
    (evidence) => void (evidence.entries = evidence.entries.filter(({ kind }) => kind !== 'leaf')),
  ],
  [
    'web-1: no ledger has its issuing certificate',
    (evidence) => void (evidence.entries = evidence.entries.filter(({ kind }) => kind !== 'issuing')),
  ],
  ...(
    [
      ['requestUid', 'r-2'],
      ['identity', 'spiffe://east.test/other'],
      ['issuer', 'ff'],
      ['spkiSha256', 'ff'],
      ['tbsSha256', 'ff'],
      ['notAfter', 1],
      ['outcome', 'discarded'],
      ['certificateSha256', 'ff'],
    ] as const
  ).map(([key, value]): Plant => [`web-1: the ledger says ${key}=${value}`, entry('leaf', { [key]: value })]),
  ...(
    [
      ['requestUid', 'mangrove-1'],
      ['replica', 'mangrove-1'],
      ['spkiSha256', 'ff'],
      ['notAfter', 1],
      ['outcome', 'discarded'],
      ['certificateSha256', 'ff'],
    ] as const
  ).map(
    ([key, value]): Plant => [
      `the issuer of web-1: the ledger says ${key}=${value}`,
      entry('issuing', { [key]: value }),
    ],
  ),
  ['two ledgers have one serial', ({ entries }) => void entries.push(...entries.slice(0, 1))],
  [
    'two intents became one certificate',
    ({ entries }) => void entries.push(...entries.slice(0, 1).map((each) => ({ ...each, serial: '01' }))),
  ],
  [
    'mangrove-0 did not tell of the leaf',
    entry('leaf', { outcome: undefined, certificateSha256: undefined }),
  ],
  ['mangrove-0 told of 1 intents, 0 have no result', ({ reports }) => reports[0]?.serials.push('01')],
  [
    'mangrove-0 counts 1 intents without result of 0',
    ({ reports }) => reports.forEach((report) => void (report.gauge = 1)),
  ],
  ...(
    [
      ['mint/sign', 'issuing without result'],
      ['mint/result', 'issuing without result'],
      ['mint/use', 'issuing issued'],
      ['issue/sign', 'leaf without result'],
      ['issue/result', 'leaf without result'],
      ['issue/reply', 'leaf issued'],
      ['answer/write', 'leaf issued'],
      ['answer/tell', 'leaf issued'],
    ] as const
  ).map(
    ([step, what]): Plant => [
      `at ${step} the ledger has no new ${what}`,
      (evidence) => void (evidence.fallen = [{ step, fresh: [] }]),
    ],
  ),
]);

test('while a replica has just died, what is not finished yet is no violation', () => {
  const evidence = sound.copy();
  evidence.settled = false;
  evidence.seen.requests.pop();
  expect(violations(evidenceOf(evidence))).toEqual([]);
});
