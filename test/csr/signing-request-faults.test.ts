import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CertificateSigningRequest, Event, Secret } from '#kube/object.ts';
import { certificateSigningRequests, events, secrets } from '#kube/resource.ts';
import { parseCertificate } from '#x509/certificate.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { seq } from '../x509/support/der.ts';
import { altNames, requestWith, signedRequest, spkiOf, uriName } from '../x509/support/request.ts';
import {
  answered,
  answerTo,
  approve,
  ask,
  chainOf,
  failureOf,
  opensslRequest,
  type Requester,
  requester,
} from './support/requester.ts';

let server: TestControlPlane;
let on: Installation;
let web: Requester;
/** What happens at a step of a flow; each test sets its own. */
let atStep: (name: string) => Promise<void> = async () => undefined;

beforeAll(async () => {
  server = await controlPlane();
  on = await install(server);
  await on.createAuthority({ leaf: { keyAlgorithms: ['ECDSA-P256', 'RSA-2048'] } });
  await on.start(0, { step: (name) => atStep(name) });
  await on.readyAuthority();
  web = await requester(on, 'web');
});
beforeEach(() => {
  atStep = async () => undefined;
});
afterAll(() => on.stop());

const read = (name: string): Promise<CertificateSigningRequest> =>
  on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);

/** Long enough for an answer that must not come: answers take a few milliseconds. */
const patience = 1_500;

describe('what is not ours to answer', () => {
  test('a request that nobody approved', async () => {
    const name = await ask(web, on, opensslRequest());
    await sleep(patience);
    expect((await read(name)).status).toEqual({});
  });

  test('a request that was denied', async () => {
    const name = await ask(web, on, opensslRequest());
    await on.kubectl(['certificate', 'deny', name]);
    await sleep(patience);
    const { status } = await read(name);
    expect(status?.certificate).toBeUndefined();
    expect(status?.conditions?.map(({ type }) => type)).toEqual(['Denied']);
  });

  test('a request that is approved and denied at the same moment has one answer, and only if it was approved', async () => {
    const name = await ask(web, on, opensslRequest());
    await Promise.allSettled([approve(on, name), on.kubectl(['certificate', 'deny', name])]);
    const types = (await read(name)).status?.conditions?.map(({ type }) => type) ?? [];
    expect(types).toHaveLength(1);
    if (types[0] === 'Approved') {
      expect(chainOf(await answered(on, name))).toContain('BEGIN CERTIFICATE');
    } else {
      await sleep(patience);
      expect((await read(name)).status?.certificate).toBeUndefined();
    }
  });

  test('a request of another signer name', async () => {
    const name = await ask(web, on, opensslRequest(), { signerName: 'example.com/other' });
    await approve(on, name);
    await sleep(patience);
    expect((await read(name)).status?.certificate).toBeUndefined();
  });
});

describe('a request that changes while it is answered', () => {
  test('that another signer answered first keeps that answer', async () => {
    const name = await ask(web, on, opensslRequest());
    const other = chainOf(await issuedOnce());
    atStep = async (step) => {
      if (step !== 'answer/write') return;
      const request = await read(name);
      const certificate = Buffer.from(other).toString('base64');
      await on.admin.updateStatus(certificateSigningRequests, {
        ...request,
        status: { ...request.status, certificate },
      });
    };
    await approve(on, name);
    expect(chainOf(await answered(on, name))).toBe(other);
    await sleep(patience);
    expect(chainOf(await read(name))).toBe(other);
  });

  test('that is deleted stops nothing', async () => {
    const name = await ask(web, on, opensslRequest());
    atStep = async (step) => {
      if (step === 'answer/write') await on.admin.delete(certificateSigningRequests, name);
    };
    await approve(on, name);
    await until('it is gone', async () => (await read(name).catch(() => undefined)) === undefined);
    atStep = async () => undefined;
    expect(chainOf(await issuedOnce())).toContain('BEGIN CERTIFICATE');
  });
});

function issuedOnce(): Promise<CertificateSigningRequest> {
  return answerTo(web, on, opensslRequest());
}

describe('a requester that is not the live one any more', () => {
  const account = (name: string, verb: 'create' | 'delete'): Promise<string> =>
    on.kubectl([verb, 'serviceaccount', name, '--namespace', on.namespace]);

  test('its service account was made again between request and approval', async () => {
    const twin = await requester(on, 'twin');
    const name = await ask(twin, on, opensslRequest());
    await account('twin', 'delete');
    await account('twin', 'create');
    await approve(on, name);
    expect(failureOf(await answered(on, name))?.reason).toBe('RequesterReplaced');
  });

  test('its service account is gone', async () => {
    const gone = await requester(on, 'gone');
    const name = await ask(gone, on, opensslRequest());
    await account('gone', 'delete');
    await approve(on, name);
    expect(failureOf(await answered(on, name))?.reason).toBe('RequesterGone');
  });

  test('its pod was made again; while it lived the same token was good', async () => {
    await requester(on, 'in-pod');
    await makePod('worker', 'in-pod');
    const bound = await boundRequester('in-pod', 'worker');
    expect(chainOf(await answerTo(bound, on, opensslRequest()))).toContain('BEGIN CERTIFICATE');
    const late = await ask(bound, on, opensslRequest());
    await on.kubectl(['delete', 'pod', 'worker', '--namespace', on.namespace, '--force', '--grace-period=0']);
    await makePod('worker', 'in-pod');
    await approve(on, late);
    expect(failureOf(await answered(on, late))?.reason).toBe('RequesterReplaced');
  });

  async function makePod(name: string, serviceAccountName: string): Promise<void> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: on.namespace },
      spec: { serviceAccountName, containers: [{ name: 'main', image: 'main' }] },
    };
    await on.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
  }

  async function boundRequester(name: string, pod: string): Promise<Requester> {
    const args = ['create', 'token', name, '--namespace', on.namespace, '--bound-object-kind=Pod'];
    const token = await on.kubectl([...args, `--bound-object-name=${pod}`]);
    return { ...web, name, client: on.client(token.trim()) };
  }

  test('no service account at all', async () => {
    const admin: Requester = { ...web, client: on.admin };
    expect(failureOf(await answerTo(admin, on, opensslRequest()))?.reason).toBe('RequesterNotServiceAccount');
  });
});

const pemOf = (der: Buffer): string => encodePem('CERTIFICATE REQUEST', der);
const withKey = (
  keys: { publicKey: Parameters<typeof spkiOf>[0]; privateKey: Parameters<typeof spkiOf>[0] },
  algorithm?: Buffer,
): string =>
  pemOf(
    signedRequest({
      attributes: [],
      spki: spkiOf(keys.publicKey),
      key: keys.privateKey,
      ...(algorithm && { algorithm }),
    }),
  );
const rsaWithSha256 = seq('06092a864886f70d01010b', '0500');

describe('requests that the API server takes and a careful signer must not', () => {
  test.each([
    [
      '10,000 names',
      () =>
        pemOf(
          requestWith(
            altNames(...Array.from({ length: 10_000 }, (_, index) => uriName(`spiffe://x/${index}`))),
          ),
        ),
      'CSR_ENCODING',
    ],
    [
      'RSA-1024',
      () => withKey(generateKeyPairSync('rsa', { modulusLength: 1024 }), rsaWithSha256),
      'KEY_RSA_SIZE',
    ],
    [
      'P-521, which the authority does not list',
      () => withKey(generateKeyPairSync('ec', { namedCurve: 'P-521' })),
      'CA_KEY_NOT_ALLOWED',
    ],
    [
      'P-384, which the authority does not list',
      () => withKey(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
      'CA_KEY_NOT_ALLOWED',
    ],
  ])('%s', async (_case, make, code) => {
    expect(failureOf(await answerTo(web, on, make()))?.message).toContain(code);
  });

  test('the key of the authority itself', async () => {
    const secret = await on.admin.get<Secret>(secrets, `${on.authority}-authority-1`, {
      namespace: on.namespace,
    });
    const privateKey = createPrivateKey(Buffer.from(secret.data?.['tls.key'] ?? '', 'base64'));
    const [der = Buffer.alloc(0)] = parsePem(
      Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64'),
      'CERTIFICATE',
    );
    const { spki } = parseCertificate(der).publicKey;
    const request = pemOf(signedRequest({ attributes: [], spki, key: privateKey }));
    expect(failureOf(await answerTo(web, on, request))?.reason).toBe('KeyIsAuthority');
  });
});

describe('expirationSeconds', () => {
  test.each([
    ['absent', undefined, 86_400],
    ['the least that Kubernetes takes', 600, 600],
    ['the maximum', 86_400, 86_400],
    ['a second more', 86_401, 86_400],
    ['the largest number', 2_147_483_647, 86_400],
  ])('%s', async (_case, expirationSeconds, seconds) => {
    const fields = expirationSeconds === undefined ? {} : { expirationSeconds };
    const answer = await answerTo(web, on, opensslRequest(), fields);
    const [der = Buffer.alloc(0)] = parsePem(chainOf(answer), 'CERTIFICATE');
    const { notBefore, notAfter } = parseCertificate(der);
    expect(notAfter - notBefore).toBe(seconds + 120);
  });
});

describe('what it costs and leaves', () => {
  test('one write and no read for a certificate, and no event', async () => {
    const { metadata } = await issuedOnce();
    const mine = `system:serviceaccount:${on.namespace}:mangrove`;
    const calls = await until('the audit log has the write', async () => {
      const found = auditOf(metadata.name, mine);
      return found.length > 0 ? found : undefined;
    });
    expect(calls).toEqual(['update status']);
    const { items } = await on.admin.list<Event>(events, {
      namespace: 'default',
      fieldSelector: `involvedObject.name=${metadata.name}`,
    });
    expect(items).toEqual([]);
  });

  function auditOf(name: string, username: string): string[] {
    return readFileSync(server.auditLog, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${name}"`) && line.includes(username))
      .map((line) => JSON.parse(line))
      .filter(
        (event) =>
          event.stage === 'ResponseComplete' &&
          event.objectRef?.name === name &&
          event.user.username === username,
      )
      .map((event) => `${event.verb} ${event.objectRef.subresource ?? ''}`.trim());
  }
});
