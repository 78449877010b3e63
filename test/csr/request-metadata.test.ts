import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createBacklog } from '#csr/signing-request/controller/backlog.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests, objectPath } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { answered, approve, opensslRequest, type Requester, requester } from './support/requester.ts';

async function installation(): Promise<Installation> {
  const on = await install(await controlPlane());
  onTestFinished(() => on.stop());
  return on;
}

/** As a workload's own tool asks, under a field manager of its own; the request as it stands once it is approved. */
async function asked(by: Requester, on: Installation, pem: string): Promise<CertificateSigningRequest> {
  const name = `${by.namespace}-${by.name}`;
  const metadata = {
    name,
    labels: { 'example.com/team': 'shop' },
    annotations: { 'example.com/ticket': '17' },
    finalizers: ['example.com/kept'],
  };
  const spec = {
    request: Buffer.from(pem).toString('base64'),
    signerName: on.signerName,
    usages: ['digital signature', 'client auth'],
  };
  await by.client.request({
    method: 'POST',
    path: objectPath(certificateSigningRequests, undefined),
    query: { fieldManager: 'workload' },
    body: { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata, spec },
  });
  await approve(on, name);
  return on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
}

test.each([
  ['a certificate', []],
  ['a refusal', ['-subj', '/CN=admin']],
])('%s takes nothing from the metadata of its request, and no field from its managers', async (_, args) => {
  const on = await installation();
  const seen = Promise.withResolvers<void>();
  await on.createAuthority();
  await on.start(0, { step: (name) => (name === 'answer/write' ? seen.promise : undefined) });
  await on.readyAuthority();
  const before = await asked(await requester(on, 'web'), on, opensslRequest(...args));
  seen.resolve();
  const after = await answered(on, before.metadata.name);
  const { resourceVersion: _before, managedFields = [], ...metadata } = before.metadata;
  expect(managedFields).toContainEqual(expect.objectContaining({ manager: 'workload' }));
  expect(after.metadata).toMatchObject(metadata);
  expect(after.metadata.managedFields).toEqual(expect.arrayContaining([...managedFields]));
  // Ours is the certificate; who wrote a condition through /status is not recorded for this kind.
  const ours = (after.metadata.managedFields ?? []).slice(managedFields.length);
  expect(ours).toHaveLength(after.status?.certificate === undefined ? 0 : 1);
  expect(after.spec).toEqual(before.spec);
});

test('of what waits all is held but who manages its fields', async () => {
  const on = await installation();
  const { metadata, ...rest } = await asked(await requester(on, 'web'), on, opensslRequest());
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const backlog = createBacklog({
    client: on.admin,
    log: pino({ enabled: false }),
    onRequest: () => undefined,
    onGone: () => undefined,
    signal: ending.signal,
  });
  backlog.follow(new Set([on.signerName]));
  const held = await until('it is held', async () => backlog.get(metadata.name));
  const { managedFields, ...kept } = metadata;
  expect(managedFields).not.toEqual([]);
  expect(held).toEqual({ ...rest, metadata: kept });
});
