import { execFileSync } from 'node:child_process';
import type { KubeClient } from '#kube/client.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { type Installation, until } from '../../support/installation.ts';

/** A service account that asks for certificates, as a workload would. */
export interface Requester {
  readonly namespace: string;
  readonly name: string;
  readonly spiffeId: string;
  readonly client: KubeClient;
}

export interface Ask {
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly signerName?: string;
}

let asked = 0;

/** Makes the service account, lets it create requests, and hands it a token; `bound` names a Pod to bind it to. */
export async function requester(
  on: Installation,
  name: string,
  bound?: { readonly pod: string },
): Promise<Requester> {
  const { kubectl, namespace, trustDomain } = on;
  const account = `${namespace}:${name}`;
  await kubectl(['create', 'serviceaccount', name, '--namespace', namespace]);
  await kubectl([
    'apply',
    '--server-side',
    '-f',
    new URL('../../../manifests/base/requester.yaml', import.meta.url).pathname,
  ]);
  const binding = `requester-${namespace}-${name}`;
  await kubectl([
    'create',
    'clusterrolebinding',
    binding,
    '--clusterrole=mangrove-requester',
    `--serviceaccount=${account}`,
  ]);
  const args = ['create', 'token', name, '--namespace', namespace];
  if (bound !== undefined) args.push('--bound-object-kind=Pod', `--bound-object-name=${bound.pod}`);
  const token = (await kubectl(args)).trim();
  return {
    namespace,
    name,
    spiffeId: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`,
    client: on.client(token),
  };
}

/** A request by OpenSSL, as users make it; the arguments follow `openssl req -new`. */
export function opensslRequest(...args: readonly string[]): string {
  const script = 'openssl ecparam -name prime256v1 -genkey -noout | openssl req -new -key /dev/stdin "$@"';
  const subject = args.includes('-subj') ? [] : ['-subj', '/'];
  return execFileSync('sh', ['-c', script, 'sh', ...subject, ...args], { encoding: 'utf8' });
}

/** Creates a request as the requester; its name. */
export async function ask(by: Requester, on: Installation, pem: string, fields: Ask = {}): Promise<string> {
  asked += 1;
  const name = `${by.namespace}-${by.name}-${process.pid}-${asked}`;
  await by.client.create<CertificateSigningRequest>(certificateSigningRequests, {
    metadata: { name },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: on.signerName,
      usages: ['digital signature', 'server auth', 'client auth'],
      ...fields,
    },
  });
  return name;
}

export async function approve(on: Installation, name: string): Promise<void> {
  await on.kubectl(['certificate', 'approve', name]);
}

/** The request once it was answered: with a certificate, or Failed. */
export function answered(on: Installation, name: string): Promise<CertificateSigningRequest> {
  return until(`${name} is answered`, async () => {
    const request = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
    const failed = request.status?.conditions?.some(({ type }) => type === 'Failed');
    return failed === true || request.status?.certificate !== undefined ? request : undefined;
  });
}

/** Asks, approves, and waits for the answer. */
export async function answerTo(
  by: Requester,
  on: Installation,
  pem: string,
  fields: Ask = {},
): Promise<CertificateSigningRequest> {
  const name = await ask(by, on, pem, fields);
  await approve(on, name);
  return answered(on, name);
}

export function failureOf({ status }: CertificateSigningRequest) {
  return status?.conditions?.find(({ type }) => type === 'Failed');
}

export function chainOf({ status }: CertificateSigningRequest): string {
  return Buffer.from(status?.certificate ?? '', 'base64').toString();
}

/** Creates and approves so many requests of one key; their names. */
export async function askMany(by: Requester, on: Installation, count: number): Promise<string[]> {
  const pem = opensslRequest();
  return Promise.all(
    Array.from({ length: count }, async () => {
      const name = await ask(by, on, pem);
      await approveDirectly(on, name);
      return name;
    }),
  );
}

/** Without kubectl, which takes a process each. */
export async function approveDirectly(on: Installation, name: string): Promise<void> {
  const request = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
  const approved = { type: 'Approved', status: 'True', reason: 'Test', message: 'by a test' };
  await on.admin.update(
    certificateSigningRequests,
    { ...request, status: { ...request.status, conditions: [approved] } },
    { subresource: 'approval' },
  );
}
