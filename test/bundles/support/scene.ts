import { join } from 'node:path';
import { expect } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ClusterTrustBundle } from '#kube/object.ts';
import { clusterTrustBundles, trustBundles } from '#kube/resource.ts';
import { controlPlane } from '../../support/control-plane.ts';
import {
  apply,
  attestRole,
  type Component,
  componentRole,
  makeServiceAccount,
  role,
  sourcesNamespace,
} from './permissions.ts';
import {
  clientOf,
  conditionOf,
  eventually,
  type Publisher,
  type Server,
  startPublisher,
  trustBundle,
} from './publisher.ts';
import { makeRoot, pem } from './roots.ts';

export const known = (trustDomain: string, ...anchors: Buffer[]) =>
  ({ state: 'known', trustDomain, anchors }) as const;

export const targetName = (trustDomain: string) => `bundles.test:${trustDomain}:${trustDomain}`;

/** What tests of one server do and look at again and again. */
export function sceneOn(server: Server, client: KubeClient) {
  const published = (trustDomain: string) =>
    client.get<ClusterTrustBundle>(clusterTrustBundles, targetName(trustDomain));
  const bundleOf = (name: string) => client.get<TrustBundle>(trustBundles, name);

  /** Waits until the target holds exactly these roots, with the labels that pods select by. */
  async function untilPublished(trustDomain: string, ...roots: Buffer[]): Promise<ClusterTrustBundle> {
    return eventually(async () => {
      const object = await published(trustDomain);
      expect(object.metadata.labels).toMatchObject({
        'app.kubernetes.io/managed-by': 'mangrove',
        'mangrove.dev/channel': 'live',
      });
      expect(object.spec.trustBundle.split(/(?<=-----END CERTIFICATE-----\n)/).toSorted()).toEqual(
        roots.map((root) => pem(root)).toSorted(),
      );
      return object;
    });
  }

  /** Looks at the target until it no longer holds this root; the wall clock then, ms. */
  function untilLeft(trustDomain: string, root: Buffer): Promise<number> {
    return eventually(async () => {
      const { spec } = await published(trustDomain);
      return !spec.trustBundle.includes(pem(root)) && Date.now();
    });
  }

  async function untilCondition(
    name: string,
    type: string,
    wanted: Record<string, unknown>,
  ): Promise<TrustBundle> {
    return eventually(async () => {
      const bundle = await bundleOf(name);
      expect(conditionOf(bundle, type)).toMatchObject(wanted);
      return bundle;
    });
  }

  /** A TrustBundle for one test with one authority of the same name, published once. */
  async function given(publisher: Publisher, trustDomain: string): Promise<Buffer> {
    const root = await makeRoot({ subject: `CN=${trustDomain}` });
    publisher.setAuthority(trustDomain, known(trustDomain, root));
    await apply(server.kubectl, trustBundle(trustDomain, [trustDomain]));
    await untilPublished(trustDomain, root);
    await untilCondition(trustDomain, 'Ready', { status: 'True' });
    return root;
  }

  async function untilEvent(name: string, reason: string): Promise<void> {
    await eventually(async () => {
      const selector = `involvedObject.name=${name},reason=${reason}`;
      const args = ['get', 'events', '-n', 'default', '--field-selector', selector, '-o', 'name'];
      expect(await server.kubectl(args)).not.toBe('');
      return true;
    });
  }

  return { published, bundleOf, untilPublished, untilLeft, untilCondition, given, untilEvent };
}

/** A root is valid through the whole of its last second. */
export const endOf = (notAfter: Date): number => (Math.floor(notAfter.getTime() / 1000) + 1) * 1000;

/** It left when its time was over, neither before nor with the next event. */
export function expectLeftAt(end: number, left: number): void {
  expect(left).toBeGreaterThanOrEqual(end);
  expect(left).toBeLessThan(end + 3_000);
}

export type Scene = ReturnType<typeof sceneOn>;

/** The shared API server, a service account of the shipped rights, and controllers that end with their test. */
export async function openScene(namespace: string, components: readonly Component[] = []) {
  const shared = await controlPlane();
  const server: Server & { readonly auditLog: string } = { ...shared, url: shared.server };
  const shipped = [role, attestRole, ...components.map(componentRole)];
  await apply(server.kubectl, ...shipped);
  const roles = shipped.map(({ metadata }) => metadata.name);
  const client = clientOf(server, await makeServiceAccount(server.kubectl, namespace, roles));
  const sources = sourcesNamespace(namespace);
  const directory = join(server.directory, sources);
  const running = new Set<Publisher>();

  /** A controller for the TrustBundles of these trust domains. */
  function start(...trustDomains: string[]): Publisher {
    const publisher = startPublisher(client, {
      sources: { namespace: sources, directory },
      handles: ({ spec }) => trustDomains.includes(spec.trustDomain),
    });
    running.add(publisher);
    return publisher;
  }

  async function stop(publisher: Publisher): Promise<void> {
    running.delete(publisher);
    await publisher.stop();
  }

  async function stopAll(): Promise<void> {
    await Promise.all([...running].map(stop));
  }

  return {
    server,
    client,
    kubectl: server.kubectl,
    /** The namespace and the directory that sources are read from. */
    sources,
    directory,
    ...sceneOn(server, client),
    start,
    stop,
    stopAll,
  };
}

export type OpenScene = Awaited<ReturnType<typeof openScene>>;
