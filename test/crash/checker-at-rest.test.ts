import { beforeAll } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';
import { decoded } from './chain.ts';
import { afterwards, change, keyOf, plants } from './plant.ts';
import { type Sound, soundEvidence, write } from './sound-evidence.ts';

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
