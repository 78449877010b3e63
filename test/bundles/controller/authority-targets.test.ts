import { X509Certificate } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { ConfigMap } from '#kube/object.ts';
import { certificateAuthorities, configMaps, trustBundles } from '#kube/resource.ts';
import { answerTo, chainOf, opensslRequest, requester } from '../../csr/support/requester.ts';
import { controlPlane, kubectlFor, ownControlPlane } from '../../support/control-plane.ts';
import { type Installation, install, until } from '../../support/installation.ts';

const api = 'certificates.k8s.io/v1/clustertrustbundles';

const bundleOf = (on: Installation) => on.admin.get<TrustBundle>(trustBundles, on.trustDomain);

/** A workload asks for a leaf, and it chains to these roots. */
async function expectLeaf(on: Installation, roots: string, name: string): Promise<void> {
  const answer = chainOf(await answerTo(await requester(on, name), on, opensslRequest()));
  const [, issuing = ''] = answer.split(/(?<=-----END CERTIFICATE-----\n)/);
  const root = new X509Certificate(roots);
  expect(new X509Certificate(answer).subjectAltName).toBe(
    `URI:spiffe://${on.trustDomain}/ns/${on.namespace}/sa/${name}`,
  );
  expect(new X509Certificate(issuing).verify(root.publicKey)).toBe(true);
}

it('an authority is in service where no ClusterTrustBundles are served, and when they appear', async () => {
  const plane = await ownControlPlane([{ name: 'absent', features: { runtimeConfig: { [api]: false } } }]);
  onTestFinished(() => plane.stop());
  const { cluster, directory } = plane;
  const on = await install({ ...cluster, server: cluster.url, directory, kubectl: kubectlFor(cluster) }, [
    'configmap-targets',
  ]);
  onTestFinished(() => on.stop());
  await on.createAuthority();
  await on.start();
  await on.readyAuthority();
  const name = `mangrove-trust-${on.trustDomain}`;
  const fallback = () => on.admin.get<ConfigMap>(configMaps, name, { namespace: 'default' });
  const roots = (await fallback()).data?.['ca.crt'] ?? '';
  await expectLeaf(on, roots, 'before');
  const own = on.admin.get<ConfigMap>(configMaps, name, { namespace: on.namespace });
  await expect(own).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });

  await cluster.restart({});
  await until('both are published', async () => {
    const { status } = await bundleOf(on);
    const hashes = status?.targets?.map(({ hash }) => hash);
    return hashes?.length === 2 && hashes.every((hash) => hash === status?.hash);
  });
  expect((await fallback()).data?.['ca.crt']).toBe(roots);
  await expectLeaf(on, roots, 'after');
}, 180_000);

it('an authority waits until its root is promoted', async () => {
  const on = await install(await controlPlane());
  onTestFinished(() => on.stop());
  const { trustDomain, signerName, authority } = on;
  await on.admin.create<TrustBundle>(trustBundles, {
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'TrustBundle',
    metadata: { name: trustDomain },
    spec: {
      trustDomain,
      sources: [{ authority: { name: authority } }],
      targets: [
        { clusterTrustBundle: { signerName } },
        { clusterTrustBundle: { signerName, channel: 'canary' } },
      ],
      promoted: '0'.repeat(64),
    },
  });
  await on.createAuthority();
  await on.start();
  const { status } = await until('it is told what waits', async () => {
    const bundle = await bundleOf(on);
    const isUnknown = bundle.status?.conditions?.some(({ reason }) => reason === 'PromotionUnknown');
    return isUnknown && bundle.status?.hash !== undefined ? bundle : undefined;
  });
  const waiting = await until('the authority tells that it waits', async () => {
    const { status: own } = await on.admin.get<CertificateAuthority>(certificateAuthorities, authority);
    const ready = own?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.message.includes('targets lack anchor') ? own : undefined;
  });
  expect(waiting.authorities?.map(({ phase }) => phase)).not.toContain('Active');
  const patch = JSON.stringify({ spec: { promoted: status?.hash } });
  await on.kubectl(['patch', 'trustbundle', trustDomain, '--type=merge', '--patch', patch]);
  await on.readyAuthority();
}, 120_000);
