import { execFileSync } from 'node:child_process';
import type { IncomingMessage } from 'node:http';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { errorCode } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import { frameSplitter } from '#kube/frame-splitter.ts';
import type { AnyObject, CertificateSigningRequest } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import { readWatchEvent } from '#kube/protobuf/object.ts';
import {
  certificateSigningRequests,
  configMaps,
  namespaces,
  type Resource,
  serviceAccounts,
  trustBundles,
} from '#kube/resource.ts';
import { watch } from '#kube/watch.ts';
import { type WatchEvent, watchEvents } from '#kube/watch-event.ts';
import { controlPlane } from '../support/control-plane.ts';
import { faultProxy, selfSigned } from './fault-proxy.ts';
import { adminClient, clientOf, ownNamespace, testSignal, uniqueName } from './lab.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { treeKind } from './tree-kind.ts';

const protobuf = 'application/vnd.kubernetes.protobuf;stream=watch';

/** A client, and the Content-Type of each of its watches. */
interface Door {
  readonly client: KubeClient;
  readonly types: (string | undefined)[];
}

/** To the server as it is, or to one that knows JSON only. */
async function door(knows: 'all' | 'json'): Promise<Door> {
  const proxy = await faultProxy();
  proxy.setFault((request, _response, forward) => {
    const { accept = '' } = request.headers;
    if (knows === 'json') request.headers.accept = accept.replace(/application\/vnd\.kubernetes\.[^,]*,/, '');
    forward();
  });
  const client = clientOf({ credentials: proxy.credentials });
  const types: (string | undefined)[] = [];
  const noting: KubeClient = {
    ...client,
    async openWatch(...call) {
      const response = await client.openWatch(...call);
      types.push(response.headers['content-type']);
      return response;
    },
  };
  return { client: noting, types };
}

/** The events of a watch that lasts some seconds, or until there are so many of them. */
async function eventsOf(
  client: KubeClient,
  resource: Resource,
  options: ListOptions & {
    readonly resourceVersion: string;
    readonly timeoutSeconds?: number;
    readonly count?: number;
  },
): Promise<readonly WatchEvent[]> {
  const { count = Number.POSITIVE_INFINITY, timeoutSeconds = 20, ...rest } = options;
  const events: WatchEvent[] = [];
  const enough = new AbortController();
  const signal = AbortSignal.any([testSignal(), enough.signal]);
  const onEvent = (event: WatchEvent): void => {
    events.push(event);
    if (events.length >= count) enough.abort();
  };
  const limits = { timeoutSeconds, livenessMs: 30_000, onContact: () => undefined };
  await watch(client, resource, { ...rest, ...limits, signal, onEvent }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error;
  });
  return events;
}

/** The one field that does not come by protobuf. */
function withoutManagedFields({ type, object }: WatchEvent): WatchEvent {
  const { managedFields: _, ...metadata } = object.metadata;
  return { type, object: { ...object, metadata } };
}

/** The same events by both encodings. @returns those that came as JSON */
async function compare(
  resource: Resource,
  options: Parameters<typeof eventsOf>[2],
): Promise<readonly WatchEvent[]> {
  const [all, jsonOnly] = await Promise.all([door('all'), door('json')]);
  const [encoded, json] = await Promise.all([
    eventsOf(all.client, resource, options),
    eventsOf(jsonOnly.client, resource, options),
  ]);
  expect(all.types).toEqual([protobuf]);
  expect(jsonOnly.types).toEqual(['application/json']);
  expect(json).toHaveLength(options.count ?? json.length);
  expect(encoded).toStrictEqual(json.map(withoutManagedFields));
  return json;
}

const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: '5a6a7a0e-28c1-4b86-9a83-1f0b7f4c8a11' };
const metadata = {
  generateName: 'web-',
  labels: { 'example.com/team': 'shop', empty: '' },
  annotations: { 'example.com/motto': 'Mangrove — 紅樹林 🌿', 'example.com/empty': '', lines: 'a\nb\u0000"' },
  ownerReferences: [owner, { ...owner, name: 'm', controller: true, blockOwnerDeletion: false }],
  finalizers: ['example.com/kept', 'example.com/too'],
};

const requestPem = execFileSync(
  'sh',
  ['-c', 'openssl ecparam -name prime256v1 -genkey -noout | openssl req -new -key /dev/stdin -subj /CN=web'],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);

/** A client whose requests the API server takes for somebody's with groups and extra attributes. */
async function impersonating(): Promise<KubeClient> {
  const proxy = await faultProxy();
  proxy.setFault((request, _response, forward) => {
    Object.assign(request.headers, {
      'impersonate-user': 'jürgen'.normalize('NFC').replace('ü', 'ue'),
      'impersonate-uid': 'u-1',
      'impersonate-group': ['system:masters', 'shop'],
      'impersonate-extra-example.com%2fscopes': ['read', 'write'],
      'impersonate-extra-__proto__': ['x'],
    });
    forward();
  });
  return clientOf({ credentials: proxy.credentials });
}

/** A request that goes through all that can become of one; how many events that makes. */
async function liveSigningRequest(): Promise<{
  readonly name: string;
  readonly from: string;
  readonly count: number;
}> {
  const client = await impersonating();
  const name = uniqueName('request');
  const { resourceVersion: from } = await client.list(certificateSigningRequests, { limit: 1 });
  const made = await client.create<CertificateSigningRequest>(certificateSigningRequests, {
    metadata: { ...metadata, name },
    spec: {
      request: requestPem.toString('base64'),
      signerName: 'example.com/encodings',
      usages: ['digital signature', 'client auth', 'server auth'],
      expirationSeconds: 3_600,
    },
  });
  const conditions = [
    { type: 'Approved', status: 'True', reason: 'ByHand', message: 'très bien' },
    { type: 'Extra', status: 'False', lastUpdateTime: '1969-12-31T23:59:58Z' },
  ] as const;
  const approved = await client.update<CertificateSigningRequest>(
    certificateSigningRequests,
    { ...made, status: { conditions } },
    { subresource: 'approval' },
  );
  const certificate = Buffer.from(selfSigned(scratchDirectory()).cert).toString('base64');
  await client.updateStatus<CertificateSigningRequest>(certificateSigningRequests, {
    ...approved,
    status: { ...approved.status, certificate },
  });
  await client.delete(certificateSigningRequests, name);
  await client.patch(certificateSigningRequests, { name }, { metadata: { finalizers: null } });
  return { name, from, count: 5 };
}

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
    const { client } = await door('all');
    const { resourceVersion } = await client.list(certificateSigningRequests, { limit: 1 });
    // The server sends one two seconds before it ends the watch. What versions it names is its own affair.
    const options = { fieldSelector: 'metadata.name=nobody', resourceVersion, timeoutSeconds: 4 };
    const [json] = await compareBookmarks(options);
    expect(json).toMatchObject({ spec: { request: null, signerName: '' }, status: {} });
  });
});

async function compareBookmarks(options: Parameters<typeof eventsOf>[2]): Promise<readonly AnyObject[]> {
  const doors = await Promise.all([door('all'), door('json')]);
  const [encoded = [], json = []] = await Promise.all(
    doors.map(({ client }) => eventsOf(client, certificateSigningRequests, options)),
  );
  const shapes = (events: readonly WatchEvent[]) =>
    events.slice(0, 1).map(({ type, object }) => {
      expect(object.metadata.resourceVersion).toMatch(/^\d+$/);
      return { type, object: { ...object, metadata: { ...object.metadata, resourceVersion: '' } } };
    });
  expect(encoded[0]?.type).toBe('BOOKMARK');
  expect(shapes(encoded)).toStrictEqual(shapes(json));
  return json.map(({ object }) => object);
}

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

  test('trustbundles, which are custom resources', async () => {
    const { resourceVersion } = await start(trustBundles);
    const name = `${uniqueName('bundle')}.test`;
    const sources = [{ authority: { name: 'none' } }];
    const targets = [{ configMap: { name: 'roots' } }];
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

  test.each([
    ['signing requests', certificateSigningRequests, false],
    ['metadata', configMaps, true],
    ['metadata of custom resources', trustBundles, true],
  ] as const)('a version that is too old, of %s', async (_what, resource, metadataOnly) => {
    for (const knows of ['all', 'json'] as const) {
      const { client, types } = await door(knows);
      const watching = eventsOf(client, resource, { resourceVersion: '1', metadataOnly, timeoutSeconds: 5 });
      const error: unknown = await watching.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'KUBE_GONE', status: 410, reason: 'Expired' });
      expect(String(error)).toContain('too old resource version');
      expect(types).toEqual([knows === 'all' ? protobuf : 'application/json']);
    }
  });

  test('a custom resource that was just made is watched by its metadata', async () => {
    const { client, types } = await door('all');
    const { resource, definition } = treeKind();
    const admin = await adminClient();
    await admin.create(
      {
        ...trustBundles,
        group: 'apiextensions.k8s.io',
        version: 'v1',
        plural: 'customresourcedefinitions',
        kind: 'CustomResourceDefinition',
      },
      definition,
    );
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

describe('real bytes', () => {
  let bytes: Buffer;
  let frames: readonly Buffer[];
  let events: readonly WatchEvent[];

  test('of a whole watch are kept', async () => {
    const { name, from, count } = await liveSigningRequest();
    const client = await adminClient();
    const selection = { fieldSelector: `metadata.name=${name}` };
    const response = await client.openWatch(certificateSigningRequests, selection, { resourceVersion: from });
    [bytes, frames] = await received(response, count);
    events = [];
    expect(frames).toHaveLength(count);
    events = all(bytes);
    expect(events).toHaveLength(count);
  });

  test('are the same events wherever they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (cuts) => {
        expect(all(bytes, cuts)).toStrictEqual(events);
      }),
    );
  });

  test('are an event or a typed error when any of them are changed or missing', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.nat(), fc.array(change, { maxLength: 4 }), fc.nat(), (which, changes, cut) => {
        const damaged = Buffer.from(frames[which % frames.length] ?? []);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        const rest = cut % 3 === 0 ? damaged.subarray(0, cut % damaged.length) : damaged;
        const outcome = outcomeOf(() => readWatchEvent(rest));
        expect(['object', 'KUBE_RESPONSE_INVALID']).toContain(outcome);
      }),
      { numRuns: 20_000 },
    );
  });
});

function outcomeOf(read: () => unknown): string | undefined {
  try {
    return typeof read();
  } catch (error) {
    return errorCode(error);
  }
}

/** All events in the bytes, which come in chunks of these sizes, over and over. */
function all(bytes: Buffer, cuts: readonly number[] = [bytes.length]): readonly WatchEvent[] {
  const events: WatchEvent[] = [];
  const take = watchEvents('watch', protobuf);
  let at = 0;
  for (let cut = 0; at < bytes.length; cut++) {
    const size = cuts[cut % cuts.length] ?? 1;
    take(bytes.subarray(at, at + size), (event) => events.push(event));
    at += size;
  }
  return events;
}

/** The bytes of so many frames. */
async function received(response: IncomingMessage, count: number): Promise<[Buffer, readonly Buffer[]]> {
  const chunks: Buffer[] = [];
  const frames: Buffer[] = [];
  const splitter = frameSplitter(1_000_000);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    splitter.push(chunk, (frame) => frames.push(frame));
    if (frames.length >= count) break;
  }
  return [Buffer.concat(chunks), frames];
}
