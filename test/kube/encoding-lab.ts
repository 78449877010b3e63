import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { pause } from '#kube/clock.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import type { ListOptions } from '#kube/page.ts';
import { certificateSigningRequests, type Resource } from '#kube/resource.ts';
import { watch } from '#kube/watch.ts';
import type { WatchEvent } from '#kube/watch-event.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { faultProxy, selfSigned } from './fault-proxy.ts';
import { clientOf, testSignal, uniqueName } from './lab.ts';

export const protobuf = 'application/vnd.kubernetes.protobuf;stream=watch';

/** A client, and the Content-Type of each of its watches. */
export interface Door {
  readonly client: KubeClient;
  readonly types: (string | undefined)[];
}

/** To the server as it is, or to one that knows JSON only. */
export async function door(knows: 'all' | 'json'): Promise<Door> {
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

export interface Watched extends ListOptions {
  readonly resourceVersion: string;
  readonly timeoutSeconds?: number;
  /** Default: all that come. */
  readonly count?: number;
}

/** The events of a watch that lasts some seconds, or until there are so many of them. */
export async function eventsOf(
  client: KubeClient,
  resource: Resource,
  options: Watched,
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
export async function compare(resource: Resource, options: Watched): Promise<readonly WatchEvent[]> {
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

/**
 * The first bookmark by both encodings, whatever version it names. The server sends it two seconds before it ends the watch, and only when
 * anything happened since it began.
 */
export async function compareBookmarks(
  options: Pick<Watched, 'metadataOnly'>,
): Promise<WatchEvent | undefined> {
  const { from: resourceVersion } = await liveSigningRequest();
  // A bookmark comes two seconds before the end, if anything happened until then: on a busy machine that takes its time.
  const watched = { ...options, resourceVersion, timeoutSeconds: 12 };
  const later = pause(1_500, testSignal()).then(liveSigningRequest);
  const doors = await Promise.all([door('all'), door('json')]);
  const [encoded = [], json = []] = await Promise.all(
    doors.map(({ client }) => eventsOf(client, certificateSigningRequests, watched)),
  );
  await later;
  const shapes = (events: readonly WatchEvent[]) =>
    events
      .filter(({ type }) => type === 'BOOKMARK')
      .slice(0, 1)
      .map(({ type, object }) => {
        expect(object.metadata.resourceVersion).toMatch(/^\d+$/);
        return { type, object: { ...object, metadata: { ...object.metadata, resourceVersion: '' } } };
      });
  expect(shapes(encoded)).toHaveLength(1);
  expect(shapes(encoded)).toStrictEqual(shapes(json));
  return shapes(json)[0];
}

const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: '5a6a7a0e-28c1-4b86-9a83-1f0b7f4c8a11' };
/** All that can be written into metadata. */
export const metadata = {
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
      'impersonate-user': 'somebody',
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
export async function liveSigningRequest(): Promise<{
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
