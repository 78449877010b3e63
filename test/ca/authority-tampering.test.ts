import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { trustBundleName } from '#bundles/controller/authority-bundle.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import { createRoot } from '#ca/authority/root.ts';
import { newSerial } from '#ca/issuance/serial.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import type { AnyObject, CertificateSigningRequest, ClusterTrustBundle, Secret } from '#kube/object.ts';
import {
  certificateAuthorities,
  certificateSigningRequests,
  clusterTrustBundles,
  secrets,
  trustBundles,
} from '#kube/resource.ts';
import { encodePem } from '#x509/pem.ts';
import { parseTrustDomain } from '#x509/spiffe-id.ts';
import { answerTo, approve, ask, chainOf, opensslRequest, requester } from '../csr/support/requester.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';

const installations: Installation[] = [];
afterEach(async () => {
  for (const installation of installations.splice(0)) await installation.stop();
});

/** An installation whose authority is Active. */
async function active(): Promise<Installation> {
  const on = await install(await controlPlane());
  installations.push(on);
  await on.createAuthority();
  await on.start();
  await on.readyAuthority();
  return on;
}

function readyReason(on: Installation, reason: string): Promise<CertificateAuthority> {
  return until(`${on.authority} says ${reason}`, async () => {
    const object = await on.admin.get<CertificateAuthority>(certificateAuthorities, on.authority);
    return object.status?.conditions?.some((condition) => condition.reason === reason) ? object : undefined;
  });
}

const bundleName = ({ signerName, trustDomain }: Installation): string =>
  `${signerName.replace('/', ':')}:${trustDomain}`;
const published = async (on: Installation): Promise<string> =>
  (await on.admin.get<ClusterTrustBundle>(clusterTrustBundles, bundleName(on))).spec.trustBundle;
const secretName = (on: Installation): string => `${on.authority}-authority-1`;
const removeAuthority = (on: Installation): Promise<void> =>
  on.admin.delete(certificateAuthorities, on.authority);
const removeSecret = (on: Installation): Promise<void> =>
  on.admin.delete(secrets, secretName(on), { namespace: on.namespace });

/** A request that was approved and must stay without an answer. */
async function unanswered(on: Installation, signerName = on.signerName): Promise<void> {
  const by = await requester(on, `web-${randomBytes(2).toString('hex')}`);
  const name = await ask(by, on, opensslRequest(), { signerName });
  await approve(on, name);
  await sleep(1_500);
  const { status } = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
  expect(status?.conditions?.map(({ type }) => type)).toEqual(['Approved']);
  expect(status?.certificate).toBeUndefined();
}

describe('an authority signs only as what was published', () => {
  test('a CertificateAuthority made again for another trust domain does not sign with the old root', async () => {
    const on = await active();
    await removeAuthority(on);
    await on.createAuthority({ trustDomain: `other.${on.trustDomain}` });
    await readyReason(on, 'AuthorityDamaged');
    await unanswered(on);
  });

  test('a Secret that comes back with another key neither signs nor replaces the published root', async () => {
    const on = await active();
    const before = await published(on);
    const secret = await on.admin.get<Secret>(secrets, secretName(on), { namespace: on.namespace });
    const now = Math.floor(Date.now() / 1000);
    const other = await createRoot(
      {
        trustDomain: parseTrustDomain(on.trustDomain),
        algorithm: 'ECDSA-P256',
        serial: newSerial(1, randomBytes),
        notBefore: now,
        notAfter: now + 31_536_000,
      },
      webCrypto('node'),
    );
    const data = {
      'tls.crt': Buffer.from(encodePem('CERTIFICATE', other.certificate.der)).toString('base64'),
      'tls.key': Buffer.from(other.key.export({ type: 'pkcs8', format: 'pem' })).toString('base64'),
    };
    await removeSecret(on);
    const { name, namespace, labels = {}, annotations = {} } = secret.metadata;
    const metadata = { name, ...(namespace && { namespace }), labels, annotations };
    await on.admin.create<Secret>(secrets, { ...secret, metadata, data });
    await readyReason(on, 'AuthorityDamaged');
    await unanswered(on);
    expect(await published(on)).toBe(before);
  });

  test('a CertificateAuthority and Secret made anew do not make a second first root beside a published one', async () => {
    const on = await active();
    const before = await published(on);
    await removeAuthority(on);
    await removeSecret(on);
    await on.createAuthority();
    await readyReason(on, 'AuthorityMissing');
    await sleep(500);
    expect(await published(on)).toBe(before);
  });

  test('a timestamp that cannot be read stops the signatures: it may be a taint', async () => {
    const on = await active();
    const annotation = `mangrove.dev/tainted-at=${new Date().toISOString()}`;
    await on.kubectl(['annotate', 'secret', secretName(on), '--namespace', on.namespace, annotation]);
    await readyReason(on, 'AuthorityDamaged');
    await unanswered(on);
  });

  test('a signer name is served only once its own bundle is published', async () => {
    const on = await active();
    const second = `second.${on.signerName}`;
    const object = await on.admin.get<CertificateAuthority>(certificateAuthorities, on.authority);
    const spec = { ...object.spec, signerNames: [on.signerName, second] };
    await on.admin.update<AnyObject>(certificateAuthorities, { ...object, spec } as AnyObject);
    // It may neither sign nor attest there; the shipped rights name each signer.
    const { status } = await readyReason(on, 'AwaitingPublication');
    expect(status?.publishedSignerNames).toEqual([on.signerName]);
    await unanswered(on, second);
    const by = await requester(on, 'first');
    expect(chainOf(await answerTo(by, on, opensslRequest()))).toContain('BEGIN CERTIFICATE');
  });
});

test('a deleted TrustBundle comes back with its ClusterTrustBundle, within seconds', async () => {
  const on = await active();
  const before = await published(on);
  await on.admin.delete(trustBundles, trustBundleName(on.trustDomain));
  await on.admin.delete(clusterTrustBundles, bundleName(on));
  expect(await until('it is back', () => published(on).catch(() => undefined))).toBe(before);
});

test('two trust domains are not published under one signer name', async () => {
  const on = await active();
  await removeAuthority(on);
  await on.admin.delete(trustBundles, trustBundleName(on.trustDomain));
  await removeSecret(on);
  const { trustDomain } = on;
  await on.createAuthority({ trustDomain: `late.${trustDomain}` });
  const { status } = await readyReason(on, 'AwaitingPublication');
  const message = await until('it says why', async () => {
    const object = await on.admin.get<CertificateAuthority>(certificateAuthorities, on.authority);
    return object.status?.conditions?.[0]?.message;
  });
  expect([status?.publishedSignerNames, message]).toEqual([[], expect.stringMatching(/./)]);
  const { items } = await on.admin.list<ClusterTrustBundle>(clusterTrustBundles, {
    fieldSelector: `spec.signerName=${on.signerName}`,
  });
  expect(items.map(({ metadata }) => metadata.name)).toEqual([bundleName(on)]);
});
