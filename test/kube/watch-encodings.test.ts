import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import type { AnyObject, CertificateSigningRequest } from '#kube/object.ts';
import {
  certificateSigningRequests,
  configMaps,
  customResourceDefinitions,
  namespaces,
  type Resource,
  serviceAccounts,
  trustBundles,
} from '#kube/resource.ts';
import type { WatchEvent } from '#kube/watch-event.ts';
import { controlPlane } from '../support/control-plane.ts';
import {
  compare,
  compareBookmarks,
  door,
  eventsOf,
  liveSigningRequest,
  metadata,
  protobuf,
} from './encoding-lab.ts';
import { answer, faultProxy } from './fault-proxy.ts';
import { adminClient, clientOf, ownNamespace, uniqueName } from './lab.ts';
import { treeKind } from './tree-kind.ts';

beforeAll(async () => {
  await controlPlane();
});

describe('a CertificateSigningRequest', () => {
  test('is the same by protobuf as by JSON, from its creation to its end', async () => {
    const { name, from, count } = await liveSigningRequest();
    const events = await compare(certificateSigningRequests, {
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: from,
      count,
    });
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    await expectComplete(events);
  });

  test('a bookmark of them is the same', async () => {
    const event = await compareBookmarks({});
    expect(event?.object).toMatchObject({ spec: { request: null, signerName: '' }, status: {} });
  });
});

interface Schema {
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly properties: Readonly<Record<string, unknown>> }>>;
  };
}

/** The server names no field that the compared requests did not have: one that is new in Kubernetes must be read too. */
async function expectComplete(events: readonly WatchEvent[]): Promise<void> {
  const admin = await adminClient();
  const path = '/openapi/v3/apis/certificates.k8s.io/v1';
  const { body } = await admin.request<Schema>({ method: 'GET', path, maxBytes: 64 * 1024 * 1024 });
  const named = (schema: string) => Object.keys(body.components.schemas[schema]?.properties ?? {}).toSorted();
  const had = (part: (request: CertificateSigningRequest) => object | undefined) =>
    [
      ...new Set(
        events.flatMap(({ object }) => Object.keys(part(object as CertificateSigningRequest) ?? {})),
      ),
    ].toSorted();
  const api = 'io.k8s.api.certificates.v1.CertificateSigningRequest';
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
  expect(had((request) => request)).toEqual(named(api));
  expect(had(({ spec }) => spec)).toEqual(named(`${api}Spec`));
  expect(had(({ status }) => status)).toEqual(named(`${api}Status`));
  expect(had(({ status }) => status?.conditions?.[0])).toEqual(named(`${api}Condition`));
  // Those that no request has: it is in no namespace, has no generation, and nobody sets the last any more.
  const never = ['generation', 'namespace', 'selfLink'];
  expect([...had((request) => request.metadata), ...never].toSorted()).toEqual(named(`${meta}.ObjectMeta`));
  expect(had((request) => request.metadata.ownerReferences?.[1])).toEqual(named(`${meta}.OwnerReference`));
}

describe('metadata alone is the same by protobuf as by JSON', () => {
  async function changes(resource: Resource, object: AnyObject, from: string, deletes = true): Promise<void> {
    const client = await adminClient();
    const { name, namespace } = object.metadata;
    await client.create(resource, { ...object, metadata: { ...metadata, ...object.metadata } });
    await client.patch(resource, { name, namespace }, { metadata: { labels: { more: 'x', empty: null } } });
    await client.delete(resource, name, { namespace });
    if (deletes) await client.patch(resource, { name, namespace }, { metadata: { finalizers: null } });
    const options = { namespace, fieldSelector: `metadata.name=${name}`, metadataOnly: true } as const;
    const events = await compare(resource, { ...options, resourceVersion: from, count: deletes ? 4 : 3 });
    expect(events.at(-1)).toMatchObject({
      type: deletes ? 'DELETED' : 'MODIFIED',
      object: { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' },
    });
  }

  async function start(resource: Resource) {
    const client = await adminClient();
    const { resourceVersion } = await client.list(resource, { limit: 1, metadataOnly: true });
    return { client, resourceVersion };
  }

  test.each([configMaps, serviceAccounts])('$plural', async (resource) => {
    const { client, resourceVersion } = await start(resource);
    const namespace = await ownNamespace(client);
    await changes(resource, { metadata: { namespace, name: uniqueName('one') } }, resourceVersion);
  });

  test('namespaces, whose deletion nobody finishes here', async () => {
    const { resourceVersion } = await start(namespaces);
    await changes(namespaces, { metadata: { name: uniqueName('space') } }, resourceVersion, false);
  });

  test('a bookmark', async () => {
    const event = await compareBookmarks({ metadataOnly: true });
    expect(event?.object).not.toHaveProperty('spec');
  });

  test('trustbundles, which are custom resources', async () => {
    const { resourceVersion } = await start(trustBundles);
    const name = `${uniqueName('bundle')}.test`;
    const sources = [{ authority: { name: 'none' } }];
    const targets = [{ configMap: { name: 'roots', namespaceSelector: {} } }];
    const object = { metadata: { name }, spec: { trustDomain: name, sources, targets } };
    await changes(trustBundles, object, resourceVersion);
  });
});

describe('what is asked for, and what comes', () => {
  test('all but metadata and signing requests comes as JSON', async () => {
    const { client, types } = await door('all');
    const { resourceVersion } = await client.list(configMaps, { limit: 1 });
    await eventsOf(client, configMaps, { resourceVersion, timeoutSeconds: 1 });
    await eventsOf(client, trustBundles, { resourceVersion, timeoutSeconds: 1 });
    await eventsOf(client, certificateSigningRequests, { resourceVersion, timeoutSeconds: 1 });
    await eventsOf(client, trustBundles, { resourceVersion, timeoutSeconds: 1, metadataOnly: true });
    expect(types).toEqual(['application/json', 'application/json', protobuf, protobuf]);
  });

  test('a server that answers JSON, whatever it is asked for, is read as JSON', async () => {
    const proxy = await faultProxy();
    const event = { type: 'ADDED', object: { metadata: { name: 'one', managedFields: [] } } };
    const accepted: (string | undefined)[] = [];
    proxy.setFault((request, response) => {
      accepted.push(request.headers.accept);
      answer(response, 200, `${JSON.stringify(event)}\n`);
    });
    const client = clientOf({ credentials: proxy.credentials });
    const options = { resourceVersion: '1', metadataOnly: true };
    expect(await eventsOf(client, configMaps, options)).toEqual([event]);
    const partial = ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
    expect(accepted).toEqual([
      `application/vnd.kubernetes.protobuf${partial},application/json${partial},application/json`,
    ]);
  });

  test('a version that is too old', async () => {
    for (const knows of ['all', 'json'] as const) {
      const { client, types } = await door(knows);
      const options = { resourceVersion: '1', metadataOnly: true, timeoutSeconds: 5 };
      const error: unknown = await eventsOf(client, trustBundles, options).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'KUBE_GONE', status: 410, reason: 'Expired' });
      expect(String(error)).toContain('too old resource version');
      expect(types).toEqual([knows === 'all' ? protobuf : 'application/json']);
    }
  });

  test('a custom resource that was just made is watched by its metadata', async () => {
    const { client, types } = await door('all');
    const { resource, definition } = treeKind();
    const admin = await adminClient();
    await admin.create(customResourceDefinitions, definition);
    const from = await served(admin, resource);
    await admin.create(resource, { metadata: { name: 'oak' } });
    const events = await eventsOf(client, resource, { resourceVersion: from, metadataOnly: true, count: 1 });
    expect(events).toMatchObject([{ type: 'ADDED', object: { metadata: { name: 'oak', generation: 1 } } }]);
    expect(types).toEqual([protobuf]);
  });
});

/** Version of the first list that the server makes of it. */
async function served(client: KubeClient, resource: Resource): Promise<string> {
  for (;;) {
    const list = await client.list(resource).catch(() => undefined);
    if (list !== undefined) return list.resourceVersion;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
