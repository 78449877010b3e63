import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { ClusterTrustBundle, ConfigMap, Secret } from '#kube/object.ts';
import {
  certificateAuthorities,
  clusterTrustBundles,
  configMaps,
  secrets,
  trustBundles,
} from '#kube/resource.ts';
import { parsePem } from '#x509/pem.ts';
import { makeRoot, pem } from '../bundles/support/roots.ts';
import { answer, type FaultProxy, faultProxy, statusBody } from '../kube/fault-proxy.ts';
import { adminClient } from '../kube/lab.ts';
import { type AuditEvent, auditedSince, auditPosition, isWrite, podOf } from '../support/audit.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { callerOf, leaseApart } from '../support/lease-apart.ts';

/** Two replicas of one installation that both lead, from before there is anything to lead. */
interface TwoLeaders {
  readonly on: Installation;
  readonly proxy: FaultProxy;
  /** What they wrote since, but for heartbeats and events. */
  readonly writes: () => AuditEvent[];
  /** From here on. */
  readonly countAnew: () => void;
}

const opened: TwoLeaders[] = [];
afterEach(async () => {
  for (const { on } of opened.splice(0)) await on.stop();
});

async function twoLeaders(): Promise<TwoLeaders> {
  const shared = await controlPlane();
  const proxy = await faultProxy();
  proxy.setFault(leaseApart());
  const on = await install({ ...shared, server: proxy.url, certificateAuthority: proxy.certificate });
  let position = auditPosition(shared.auditLog);
  const own = `system:serviceaccount:${on.namespace}:mangrove`;
  const scene: TwoLeaders = {
    on,
    proxy,
    writes: () =>
      auditedSince(shared.auditLog, position).filter(
        (event) =>
          event.user.username === own &&
          isWrite(event) &&
          !['leases', 'events'].includes(event.objectRef?.resource ?? ''),
      ),
    countAnew: () => void (position = auditPosition(shared.auditLog)),
  };
  opened.push(scene);
  await Promise.all([on.start(0), on.start(1)]);
  await until('both lead', async () => leaders(on).size === 2);
  return scene;
}

function leaders(on: Installation): ReadonlySet<unknown> {
  const lines = on.logged().filter(({ msg }) => msg === 'leading' || msg === 'no longer leading');
  expect(lines.every(({ leading }) => leading === true)).toBe(true);
  return new Set(lines.map(({ identity }) => identity));
}

const bundleName = ({ signerName, trustDomain }: Installation): string =>
  `${signerName.replace('/', ':')}:${trustDomain}`;

async function published(on: Installation): Promise<string[]> {
  const { spec } = await on.admin.get<ClusterTrustBundle>(clusterTrustBundles, bundleName(on));
  return parsePem(spec.trustBundle, 'CERTIFICATE').map(fingerprint).toSorted();
}

const fingerprint = (der: Uint8Array): string =>
  new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();

const isReady = ({ status }: CertificateAuthority | TrustBundle): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Until nothing was written for three seconds. */
async function quiet({ writes, countAnew }: TwoLeaders): Promise<void> {
  await until('nobody writes any more', async () => {
    countAnew();
    await sleep(3_000);
    return writes().length === 0;
  });
}

test('two replicas that both lead from the beginning make one root and one bundle, and come to rest', async () => {
  const scene = await twoLeaders();
  const { on } = scene;
  scene.countAnew();
  await on.createAuthority();
  await on.readyAuthority();
  const writes = scene.writes();
  await quiet(scene);
  const { items } = await on.admin.list<Secret>(secrets, {
    namespace: on.namespace,
    labelSelector: 'mangrove.dev/certificate-authority',
  });
  expect(items.map(({ metadata }) => metadata.name)).toEqual([`${on.authority}-authority-1`]);
  const [root] = parsePem(Buffer.from(items[0]?.data?.['tls.crt'] ?? '', 'base64'), 'CERTIFICATE');
  expect(await published(on)).toEqual([fingerprint(root ?? Buffer.alloc(0))]);
  const bundles = await on.admin.list<ClusterTrustBundle>(clusterTrustBundles, {
    fieldSelector: `spec.signerName=${on.signerName}`,
  });
  expect(bundles.items).toHaveLength(1);
  const { status } = await on.admin.get<CertificateAuthority>(certificateAuthorities, on.authority);
  expect(status?.authorities).toMatchObject([{ generation: 1, phase: 'Active' }]);
  expect(isReady(await on.admin.get<TrustBundle>(trustBundles, on.trustDomain))).toBe(true);
  // Each transition was made once, whichever of them was sooner: a slow one may find nothing left to write.
  const made = (verb: string, resource: string): AuditEvent[] =>
    writes.filter((event) => event.verb === verb && event.objectRef?.resource === resource);
  expect(made('create', 'secrets')).toHaveLength(1);
  expect(made('create', 'trustbundles')).toHaveLength(1);
  expect(made('create', 'clustertrustbundles')).toHaveLength(1);
  expect(made('patch', 'secrets')).toHaveLength(2);
  expect(leaders(on).size).toBe(2);
});

test('two leaders that see different sources repair ever more slowly, and agree as soon as both see', async () => {
  const scene = await twoLeaders();
  const { on, proxy } = scene;
  await on.createAuthority();
  await on.readyAuthority();
  const [own = ''] = await published(on);
  const [early, late] = [await makeRoot({ subject: 'CN=early' }), await makeRoot({ subject: 'CN=late' })];
  const source = (...roots: Buffer[]) => ({
    metadata: { name: 'partner', namespace: on.sources },
    data: { 'ca.crt': roots.map((root) => pem(root)).join('') },
  });
  await on.admin.create<ConfigMap>(configMaps, source(early));
  await on.admin.patch(
    trustBundles,
    { name: on.trustDomain },
    {
      spec: {
        sources: [{ authority: { name: on.authority } }, { configMap: { name: 'partner', key: 'ca.crt' } }],
      },
    },
  );
  await until('both sources are published', async () => (await published(on)).length === 2);
  await quiet(scene);

  // One of them does not see from now on that a root joins.
  const apart = leaseApart();
  proxy.setFault((request, response, forward) => {
    const isBlind = callerOf(request) === 'mangrove-1' && /\/configmaps\?/.test(request.url ?? '');
    if (isBlind) answer(response, 503, statusBody(503, 'ServiceUnavailable'));
    else apart(request, response, forward);
  });
  proxy.cut();
  scene.countAnew();
  // Past the cut.
  const admin = await adminClient();
  await admin.patch(configMaps, { name: 'partner', namespace: on.sources }, source(early, late));
  const ofBundles = (): AuditEvent[] =>
    scene.writes().filter(({ objectRef }) => objectRef?.resource === 'clustertrustbundles');
  await until('each undoes what the other did', async () => ofBundles().length >= 12);
  const writes = ofBundles().slice(0, 12);
  // It is a war, but a slow one: of so many one of the two has made six, and each repair waits twice as long as the one before.
  expect(new Set(writes.map(podOf)).size).toBe(2);
  const times = writes.map(({ stageTimestamp }) => Date.parse(stageTimestamp));
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1_000);
  // Whoever was right, nothing that both see has ever left.
  expect(await published(on)).toEqual(expect.arrayContaining([own, fingerprint(early)]));

  proxy.setFault(apart);
  const wanted = [own, fingerprint(early), fingerprint(late)].toSorted();
  // The status, too: the one that was blind may rest for seconds, by the pace of its repairs, before it looks again.
  await until('both publish all three, and say so', async () => {
    await quiet(scene);
    const bundle = await on.admin.get<TrustBundle>(trustBundles, on.trustDomain);
    const told = bundle.status?.anchors?.map(({ sha256 }) => sha256).toSorted();
    return isReady(bundle) && [await published(on), told].every((roots) => isDeepStrictEqual(roots, wanted));
  });
  expect(leaders(on).size).toBe(2);
});
