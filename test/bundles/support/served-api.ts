import type { ServedApi } from '#bundles/controller/served-api.ts';
import { clusterTrustBundles } from '#kube/resource.ts';

/** ClusterTrustBundles are served, and nobody watches them. */
export const unwatchedApi: ServedApi = {
  resource: () => clusterTrustBundles,
  isAbsent: () => false,
  cache: () => undefined,
  whole: async (object) => object,
  forget: () => undefined,
  lastContact: () => undefined,
  answered: () => true,
  recheck: () => undefined,
  done: Promise.resolve(),
};
