import type { SigningRequest } from '#csr/signing-request/signing-request.ts';
import { encodePem } from '#x509/pem.ts';

/** What the API server would hand us for a request of the service account shop/web. */
export function signingRequest(der: Buffer, spec: Partial<SigningRequest['spec']> = {}): SigningRequest {
  return requestOf(encodePem('CERTIFICATE REQUEST', der), spec);
}

export function requestOf(pem: string, spec: Partial<SigningRequest['spec']> = {}): SigningRequest {
  return {
    metadata: { name: 'web', uid: 'r-1', resourceVersion: '1' },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'mangrove.dev/workload',
      usages: ['digital signature', 'server auth', 'client auth'],
      username: 'system:serviceaccount:shop:web',
      uid: 's-1',
      ...spec,
    },
  };
}
