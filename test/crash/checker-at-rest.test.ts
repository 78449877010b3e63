import { beforeAll, expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';
import { decoded } from './chain.ts';
import { violations } from './checker.ts';
import { afterwards, change, encoded, keyOf, plants, rootOf, type Spoil } from './plant.ts';
import { evidenceOf, type Sound, type Spoilable, soundEvidence, write } from './sound-evidence.ts';

let sound: Sound;
beforeAll(async () => {
  sound = await soundEvidence(scratchDirectory());
});

plants(() => sound, 'what is written', [
  [
    'trustbundles /one was overwritten unseen',
    ({ audited }) => void audited.push(write('update', 'trustbundles')),
  ],
  [
    'clustertrustbundles /one was patched',
    ({ audited }) => void audited.push(write('patch', 'clustertrustbundles')),
  ],
  ['secrets /one was deleted', ({ audited }) => void audited.push(write('delete', 'secrets'))],
  [
    'all configmaps were deleted',
    ({ audited }) => void audited.push(write('deletecollection', 'configmaps')),
  ],
]);

plants(() => sound, 'what is secret', [
  [
    'mangrove-0.db may be read by others: 644',
    ({ files }) => files.forEach((file) => void (file.mode = 0o644)),
  ],
  ['the key of a root is in', (evidence) => void (evidence.events += keyOf(evidence))],
  [
    'the key of a root is in',
    (evidence) => evidence.reports.forEach((report) => void (report.metrics += keyOf(evidence))),
  ],
  [
    'a private key stands in a log, a metric, an event or a status',
    (evidence) => void (evidence.log += '-----BEGIN PRIVATE KEY-----'),
  ],
  [
    'the key of a root is in a log, a metric, an event or a status',
    (evidence) => void (evidence.log += keyOf(evidence)),
  ],
  [
    'the key of a root is in a log, a metric, an event or a status',
    (evidence) => {
      const [, line = ''] = decoded(keyOf(evidence)).split('\n');
      for (const { object } of evidence.seen.authorities) {
        object.status?.conditions?.push({ type: 'Said', status: 'True', reason: line });
      }
    },
  ],
  [
    'a private key stands in a log, a metric, an event or a status',
    change('trustBundles', ({ status }) =>
      status?.conditions?.push({ type: 'Said', status: 'True', reason: '-----BEGIN EC PRIVATE KEY-----' }),
    ),
  ],
]);

plants(() => sound, 'what is left when it is quiet', [
  ['there is no root', ({ seen }) => void (seen.secrets.length = 0)],
  ['nothing was published', ({ seen }) => void (seen.clusterTrustBundles.length = 0)],
  ['web-1 was not answered', ({ seen }) => void seen.requests.pop()],
  ['a root has no activated-at', ({ seen }) => void seen.secrets.pop()],
  [
    'the CertificateAuthority says False of Ready',
    change('authorities', ({ status }) =>
      status?.conditions?.forEach((condition) => void (condition.status = 'False')),
    ),
  ],
  ['served are \\[\\]', change('authorities', ({ status = {} }) => void (status.publishedSignerNames = []))],
  ['there are 2 TrustBundles', afterwards('trustBundles', ({ metadata }) => void (metadata.uid = 't-2'))],
  [
    'the TrustBundle says nothing of Published',
    change('trustBundles', ({ status = {} }) => void (status.conditions = [])),
  ],
]);

type Placing = NonNullable<Spoilable['placed']>;

/** The root stands in a Secret and a file, too. */
const place =
  (spoil: (placed: Placing, evidence: Spoilable) => void): Spoil =>
  (evidence) => {
    const text = rootOf(evidence);
    const files = ['east.test.pem', '.mangrove-00000000-0000-4000-8000-000000000000'];
    const placed: Placing = { namespace: 'shop', deletions: 0, withdrawn: false, file: text, files };
    const metadata = {
      name: 'mangrove-trust-east.test',
      namespace: 'shop',
      uid: 's-9',
      resourceVersion: '80',
    };
    const object = { metadata, data: { 'ca.crt': encoded(text) } };
    evidence.seen.secrets.push({ revision: 80, deleted: false, object });
    evidence.placed = placed;
    spoil(placed, evidence);
  };
/** The Secret holds this text. */
const hold = (text: string): Spoil =>
  place((_, evidence) => {
    change('secrets', (object) => void (object.data = { 'ca.crt': encoded(text) }))(evidence);
  });

test('nothing is said of a root that stands whole in a Secret and a file, nor of one that had to go from there', () => {
  const [stands, gone] = [sound.copy(), sound.copy()];
  place(() => undefined)(stands);
  place((placed, evidence) => {
    Object.assign(placed, { deletions: 1, withdrawn: true, file: undefined, files: [] });
    afterwards('secrets', (_, version) => void (version.deleted = true))(evidence);
    evidence.audited.push(write('delete', 'secrets', { namespace: 'shop' }));
  })(gone);
  expect([stands, gone].flatMap((each) => violations(evidenceOf(each)))).toEqual([]);
});

plants(() => sound, 'what is placed', [
  ['the Secret at revision 80 is empty', hold('')],
  ['the Secret at revision 80 holds something else than whole certificates', hold('-----BEGIN')],
  [
    'the Secret holds something else than is published',
    place((_, evidence) => {
      change('secrets', (object) => void (object.data = { 'ca.crt': encoded(sound.twin) }))(evidence);
    }),
  ],
  [
    'the Secret was deleted 1 times',
    place((_, evidence) => afterwards('secrets', (__, version) => void (version.deleted = true))(evidence)),
  ],
  [
    'secrets mangrove-system/one was deleted',
    place(
      (_, { audited }) => void audited.push(write('delete', 'secrets', { namespace: 'mangrove-system' })),
    ),
  ],
  ['the Secret is not there', place((_, { seen }) => void seen.secrets.pop())],
  ['the file is empty', place((placed) => void (placed.file = ''))],
  ['the file is not there', place((placed) => void (placed.file = undefined))],
  [
    'the file holds something else than whole certificates',
    place((placed) => void (placed.file = placed.file?.slice(0, -40))),
  ],
  ['the file holds .*, which is no root of ours', place((placed) => void (placed.file = sound.twin))],
  ['beside the file there is other.pem', place((placed) => void placed.files.push('other.pem'))],
  ['the Secret holds something else than is published', place((placed) => void (placed.withdrawn = true))],
]);
