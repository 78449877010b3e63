import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install } from '../support/installation.ts';
import {
  answerTo,
  chainOf,
  failureOf,
  opensslRequest,
  type Requester,
  requester,
} from './support/requester.ts';

let on: Installation;
let web: Requester;

beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
  await on.start();
  await on.readyAuthority();
  web = await requester(on, 'web');
});
afterAll(() => on.stop());

test('a request by OpenSSL becomes a certificate that OpenSSL verifies against the ClusterTrustBundle', async () => {
  const chain = chainOf(await answerTo(web, on, opensslRequest()));
  writeFileSync(join(on.directory, 'chain.pem'), chain);
  const bundleName = `${on.signerName.replace('/', ':')}:${on.trustDomain}`;
  // Read as the workload itself: every service account may.
  const bundle = await web.client.get<ClusterTrustBundle>(clusterTrustBundles, bundleName);
  writeFileSync(join(on.directory, 'roots.pem'), bundle.spec.trustBundle);
  const args = ['verify', '-x509_strict', '-CAfile', 'roots.pem', '-untrusted', 'chain.pem', 'chain.pem'];
  expect(execFileSync('openssl', args, { cwd: on.directory, encoding: 'utf8' })).toContain('OK');
  expect(new X509Certificate(chain).subjectAltName).toBe(`URI:${web.spiffeId}`);
});

describe('refused for good, and the condition says why and what to change', () => {
  test.each([
    [
      'a foreign SPIFFE ID',
      ['-addext', 'subjectAltName=URI:spiffe://other.test/ns/a/sa/b'],
      {},
      'CSR_NAME_NOT_OWN',
    ],
    ['a DNS name', ['-addext', 'subjectAltName=DNS:web.shop.svc'], {}, 'CSR_NAME_NOT_OWN'],
    ['a subject', ['-subj', '/CN=admin'], {}, 'CSR_SUBJECT_NOT_OWN'],
    ['CA:TRUE', ['-addext', 'basicConstraints=critical,CA:TRUE'], {}, 'CSR_CA_ASKED'],
    [
      'usages that are not granted',
      [],
      { usages: ['digital signature', 'code signing'] },
      'CA_USAGE_UNKNOWN',
    ],
    ['no digital signature', [], { usages: ['client auth'] }, 'CA_USAGE_MISSING'],
  ] as const)('%s', async (_case, args, fields, code) => {
    const request = await answerTo(web, on, opensslRequest(...args), fields);
    expect(request.status?.certificate).toBeUndefined();
    expect(failureOf(request)).toMatchObject({ status: 'True', message: expect.stringContaining(code) });
  });
});
