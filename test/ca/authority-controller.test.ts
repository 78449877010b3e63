import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { ClusterTrustBundle, Lease, Secret } from '#kube/object.ts';
import { certificateAuthorities, clusterTrustBundles, leases, secrets } from '#kube/resource.ts';
import { parsePem } from '#x509/pem.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';

const installations: Installation[] = [];
afterEach(async () => {
  for (const installation of installations.splice(0)) await installation.stop();
});

async function installed(): Promise<Installation> {
  const installation = await install(await controlPlane());
  installations.push(installation);
  return installation;
}

const authoritySecrets = async ({ admin, namespace }: Installation): Promise<readonly Secret[]> =>
  (await admin.list<Secret>(secrets, { namespace, labelSelector: 'mangrove.dev/certificate-authority' }))
    .items;

/** The Ready condition once it has this reason. */
function readyReason(on: Installation, reason: string, name = on.authority): Promise<CertificateAuthority> {
  return until(`${name} says ${reason}`, async () => {
    const object = await on.admin.get<CertificateAuthority>(certificateAuthorities, name);
    return object.status?.conditions?.some(
      (condition) => condition.type === 'Ready' && condition.reason === reason,
    )
      ? object
      : undefined;
  });
}

async function publishedRoots(on: Installation): Promise<Buffer[]> {
  const name = `${on.signerName.replace('/', ':')}:${on.trustDomain}`;
  const { spec } = await on.admin.get<ClusterTrustBundle>(clusterTrustBundles, name);
  return parsePem(spec.trustBundle, 'CERTIFICATE');
}

test('an authority goes from nothing to Active, and its status tells all of it', async () => {
  const on = await installed();
  await on.createAuthority();
  await on.start();
  const { status } = await on.readyAuthority();
  const [secret, ...others] = await authoritySecrets(on);
  expect(others).toEqual([]);
  expect(secret).toMatchObject({
    immutable: true,
    type: 'mangrove.dev/authority',
    metadata: { name: `${on.authority}-authority-1` },
  });
  expect(status).toMatchObject({
    trustBundle: on.trustDomain,
    authorities: [{ generation: 1, phase: 'Active' }],
  });
  expect(status?.activeAuthority).toBe(status?.authorities?.[0]?.id);
  const { createdAt = '', publishedAt = '', activatedAt = '' } = status?.authorities?.[0] ?? {};
  expect([createdAt <= publishedAt, publishedAt <= activatedAt]).toEqual([true, true]);
  expect(await publishedRoots(on)).toHaveLength(1);
});

test('two replicas that start in the same moment make one root, and both sign under it', async () => {
  const on = await installed();
  await on.createAuthority();
  await Promise.all([on.start(0), on.start(1)]);
  const { status } = await on.readyAuthority();
  expect(await authoritySecrets(on)).toHaveLength(1);
  expect(await publishedRoots(on)).toHaveLength(1);
  const reports = await until('both report what they issue under', async () => {
    const { items } = await on.admin.list<Lease>(leases, {
      namespace: on.namespace,
      labelSelector: 'mangrove.dev/heartbeat=replica',
    });
    const authorities = items.map(({ metadata }) => metadata.annotations?.['mangrove.dev/authorities']);
    return authorities.length === 2 && authorities.every((id) => id === status?.activeAuthority)
      ? items
      : undefined;
  });
  const certificates = reports.map(
    ({ metadata }) => metadata.annotations?.['mangrove.dev/issuing-certificates'],
  );
  expect(new Set(certificates).size).toBe(2);
});

test('a start-up that dies at any step is finished by the next one, with the same root', async () => {
  const on = await installed();
  await on.createAuthority();
  for (const fatal of ['authority/create', 'authority/bundle', 'authority/prepare', 'authority/activate']) {
    let died = false;
    const mangrove = await on.start(0, {
      step: (name) => {
        if (name !== fatal) return;
        died = true;
        throw new Error(`killed at ${fatal}`);
      },
    });
    await until(`it dies at ${fatal}`, async () => died);
    await mangrove.stop();
  }
  await on.start();
  const { status } = await on.readyAuthority();
  const [secret, ...others] = await authoritySecrets(on);
  expect(others).toEqual([]);
  const [root] = parsePem(Buffer.from(secret?.data?.['tls.crt'] ?? '', 'base64'), 'CERTIFICATE');
  expect(await publishedRoots(on)).toEqual([root]);
  expect(status?.authorities).toHaveLength(1);
});

test('a root whose Secret is deleted is never made anew, and stays published', async () => {
  const on = await installed();
  await on.createAuthority();
  await on.start();
  await on.readyAuthority();
  const before = await publishedRoots(on);
  await on.admin.delete(secrets, `${on.authority}-authority-1`, { namespace: on.namespace });
  const { status } = await readyReason(on, 'AuthorityMissing');
  expect(status?.authorities).toMatchObject([{ generation: 1, phase: 'Active' }]);
  await sleep(1_000);
  expect(await authoritySecrets(on)).toEqual([]);
  expect(await publishedRoots(on)).toEqual(before);
});

test('a foreign Secret of an authority’s name is neither used nor touched', async () => {
  const on = await installed();
  const metadata = { name: `${on.authority}-authority-1`, namespace: on.namespace };
  const foreign = await on.admin.create<Secret>(secrets, { metadata, data: { 'tls.crt': 'AAAA' } });
  await on.createAuthority();
  await on.start();
  await readyReason(on, 'AuthorityForeign');
  const after = await on.admin.get<Secret>(secrets, metadata.name, { namespace: on.namespace });
  expect(after).toEqual(foreign);
});

test('of two that claim one trust domain the older works and the other says so', async () => {
  const on = await installed();
  await on.createAuthority();
  const config = await on.config();
  const younger = `${on.authority}-2`;
  // The API server counts creation in whole seconds.
  await sleep(1_100);
  await on.admin.create(certificateAuthorities, {
    metadata: { name: younger },
    spec: { trustDomain: on.trustDomain, signerNames: ['example.com/other'] },
  } as CertificateAuthority);
  await on.start(0, { config: { ...config, authorities: [on.authority, younger] } });
  await on.readyAuthority();
  const { status } = await readyReason(on, 'Conflicted', younger);
  expect(status?.conditions?.[0]?.message).toContain(on.authority);
  // The longest pause of what confirms and mints: after an outage the fence opens as soon as that.
  const { retryMs } = await until('it is told when its signers are looked at again', async () =>
    on.logged().find(({ controller, key }) => controller === 'issuing' && key === younger),
  );
  expect(retryMs).toBeLessThanOrEqual(10_000);
  expect(await authoritySecrets(on)).toHaveLength(1);
  await on.admin.delete(certificateAuthorities, on.authority);
  // No right to attest under that signer name: it goes as far as it can, and is not in anybody's way any more.
  await readyReason(on, 'AwaitingPublication', younger);
});
