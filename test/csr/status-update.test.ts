import { expect, test } from 'vitest';
import { withCertificate, withFailure } from '#csr/signing-request/signing-request.ts';

const approved = { type: 'Approved', status: 'True' } as const;
const request = {
  metadata: { name: 'one', uid: 'u', resourceVersion: '7', labels: { kept: 'yes' } },
  spec: { request: 'LS0t', signerName: 'example.com/mesh' },
  status: { conditions: [approved] },
};

test('an answer brings all metadata that was seen, the whole status, and nothing of the spec', () => {
  expect(withCertificate(request, 'chain')).toEqual({
    metadata: request.metadata,
    status: { conditions: [approved], certificate: Buffer.from('chain').toString('base64') },
  });
  const now = new Date('2026-01-02T03:04:05.678Z');
  const at = '2026-01-02T03:04:05Z';
  expect(withFailure(request, { reason: 'Wrong', message: 'no', now })).toEqual({
    metadata: request.metadata,
    status: {
      conditions: [
        approved,
        {
          type: 'Failed',
          status: 'True',
          reason: 'Wrong',
          message: 'no',
          lastUpdateTime: at,
          lastTransitionTime: at,
        },
      ],
    },
  });
});
