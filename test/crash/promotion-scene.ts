import { ignoreNotFound } from '#kube/error.ts';
import type { AnyObject, ClusterTrustBundle, ConfigMap } from '#kube/object.ts';
import { clusterTrustBundles, configMaps, leases, trustBundles } from '#kube/resource.ts';
import { makeRoot, pem } from '../bundles/support/roots.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { certificatesOf, sha256 } from './chain.ts';
import { checkPromotion } from './check-promotion.ts';
import { type Mortals, mortals } from './mortals.ts';
import type { Stage } from './stage.ts';
import { watchedLabel } from './watcher.ts';

/** A TrustBundle with a canary, whose live targets are a ClusterTrustBundle and a ConfigMap in each of many namespaces. */
export interface PromotionScene extends Mortals {
  /** The source gives another root instead of the one before. */
  change(): Promise<void>;
  /** While a replica lives: until the canary holds the root that the source gives. */
  shown(): Promise<void>;
  /** Names what the canary holds. */
  promote(): Promise<void>;
  /** While a replica lives: until every live target holds what was promoted last. */
  arrived(): Promise<void>;
  /** What has been broken so far. @param settled the last promotion has arrived */
  judge(settled: boolean): Promise<string[]>;
  close(): Promise<void>;
}

/** @param count of namespaces: with more than are written at a time, some are written when a replica dies, and some are not */
export async function openPromotionScene(
  { server, watcher, program }: Stage,
  count: number,
): Promise<PromotionScene> {
  const on = await install(server, ['configmap-targets']);
  const { admin, trustDomain, signerName, namespace } = on;
  const replicas = mortals(on, program);
  const places = Array.from({ length: count }, (_, index) => `${namespace}-${index}`);
  const source = { name: 'corporate', namespace: on.sources };
  let given = pem(await makeRoot());
  let promoted = '';

  await admin.create<ConfigMap>(configMaps, { metadata: source, data: { 'ca.crt': given } });
  await makePlaces(on, places);
  await makeTrustBundle(on);
  await on.createAuthority();

  const bundleText = async (suffix: string): Promise<string> => {
    const name = `${signerName.replace('/', ':')}:${trustDomain}${suffix}`;
    const found = admin.get<ClusterTrustBundle>(clusterTrustBundles, name);
    return (await found.catch<undefined>(ignoreNotFound))?.spec.trustBundle ?? '';
  };
  const placed = async (): Promise<string[]> => {
    const { items } = await admin.list<ConfigMap>(configMaps, {
      labelSelector: `${watchedLabel}=${namespace}`,
    });
    return items.map(({ data }) => data?.['ca.crt'] ?? '');
  };

  return {
    ...replicas,
    async start(ordinal, death) {
      // Nobody waits for the Lease of a replica that is known to be dead.
      await admin.delete(leases, 'mangrove-leader', { namespace }).catch(ignoreNotFound);
      return replicas.start(ordinal, death);
    },
    async change() {
      given = pem(await makeRoot());
      await admin.patch(configMaps, source, { data: { 'ca.crt': given } });
    },
    async shown() {
      await until('the canary holds the new root beside that of the authority', async () => {
        const text = await bundleText('.canary');
        return text.includes(given) && certificatesOf(text).length === 2;
      });
    },
    async promote() {
      promoted = sha256(await bundleText('.canary'));
      await admin.patch(trustBundles, { name: trustDomain }, { spec: { promoted } });
    },
    async arrived() {
      await until('every live target holds what was promoted', async () => {
        const texts = [await bundleText(''), ...(await placed())];
        return texts.length === count + 1 && texts.every((text) => sha256(text) === promoted);
      });
    },
    async judge(settled) {
      await watcher.caughtUp();
      return [...checkPromotion({ watcher, trustDomain, signerName, namespaces: places, settled })];
    },
    close: () => on.stop(),
  };
}

async function makePlaces({ kubectl, namespace }: Installation, places: readonly string[]): Promise<void> {
  const labels = { [watchedLabel]: namespace };
  const items = places.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
  await kubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
}

async function makeTrustBundle(on: Installation): Promise<void> {
  const { admin, trustDomain, signerName, authority, namespace } = on;
  const labels = { [watchedLabel]: namespace };
  await admin.create<AnyObject & { readonly spec: object }>(trustBundles, {
    metadata: { name: trustDomain },
    spec: {
      trustDomain,
      sources: [{ authority: { name: authority } }, { configMap: { name: 'corporate' } }],
      targets: [
        { clusterTrustBundle: { signerName } },
        { clusterTrustBundle: { signerName, channel: 'canary' } },
        { configMap: { labels, namespaceSelector: { matchLabels: labels } } },
      ],
      // Each change takes a root away.
      maxShrinkPercent: 100,
    },
  });
}
