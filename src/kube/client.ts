import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { MangroveError } from '#errors/error.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import type { Credentials } from '#kube/credentials.ts';
import type { AnyObject } from '#kube/object.ts';
import {
  acceptOne,
  acceptWatch,
  type CallOptions,
  type ListOptions,
  limits,
  listAll,
  listPage,
  type ObjectList,
  type Page,
  type ReadOptions,
  selectors,
} from '#kube/page.ts';
import {
  createRequester,
  type KubeRequest,
  type KubeResponse,
  type RequestObserver,
} from '#kube/requester.ts';
import { apiVersion, objectPath, type Resource } from '#kube/resource.ts';
import { createTransport } from '#kube/transport.ts';

export const fieldManager = 'mangrove';

export interface KubeClientOptions {
  readonly credentials: Credentials;
  readonly log: Logger;
  readonly observer?: RequestObserver;
  /** Default `mangrove`. */
  readonly userAgent?: string;
  /** Of one request with its answer; default 30 s. */
  readonly timeoutMs?: number;
  /** A longer Retry-After goes to the caller as KUBE_TOO_MANY_REQUESTS; default 10 s. */
  readonly maxRetryAfterMs?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: 'status' | 'approval' | undefined;
  /** Only `metadata` comes back. */
  readonly metadataOnly?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly namespace?: string | undefined;
  /** Only this very object, not one of the same name made since. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * The API of one cluster. Reads without resourceVersion are consistent. All methods throw KubeError (see errors/kube.ts), or the reason
 * of the signal. A write that ends in KUBE_OUTCOME_UNKNOWN may have been made: it is never repeated here, and whoever asked for it reads
 * the object before deciding what to do.
 */
export interface KubeClient {
  /** Anything else; the response has the server's time. */
  request<T>(call: KubeRequest): Promise<KubeResponse<T>>;
  get<T extends AnyObject>(resource: Resource, name: string, options?: ReadOptions): Promise<T>;
  /** All pages. A list that expires between two pages (410) is begun again. */
  list<T extends AnyObject>(resource: Resource, options?: ListOptions): Promise<ObjectList<T>>;
  listPage<T extends AnyObject>(resource: Resource, options: ListOptions, next?: string): Promise<Page<T>>;
  /** The stream of a watch; its Content-Type says how the events lie in it (watch-event.ts). */
  openWatch(
    resource: Resource,
    options: ListOptions,
    query: Readonly<Record<string, string>>,
  ): Promise<IncomingMessage>;
  /** The namespace is the object's own, here and in every write. */
  create<T extends AnyObject>(resource: Resource, object: T, options?: CallOptions): Promise<T>;
  /** PUT. Throws KUBE_UNCONDITIONAL_WRITE for an object without resourceVersion, KUBE_CONFLICT when it changed since. */
  update<T extends AnyObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends AnyObject>(
    resource: Resource,
    object: T,
    options?: Omit<WriteOptions, 'subresource'>,
  ): Promise<T>;
  /** A merge patch (RFC 7386). With a resourceVersion in its metadata it is as conditional as a PUT. */
  patch<T extends AnyObject>(
    resource: Resource,
    target: { readonly name: string; readonly namespace?: string | undefined },
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  /** Resolves once the deletion is accepted; finalizers may keep the object for longer. */
  delete(resource: Resource, name: string, options?: DeleteOptions): Promise<void>;
  /** The API server's clock by the Date header of its last answer, whole seconds since the epoch; never ahead of the server. */
  serverTime(): number | undefined;
  /** Cuts every connection. */
  close(): void;
}

export function createKubeClient(options: KubeClientOptions): KubeClient {
  const transport = createTransport(options.credentials);
  const requester = createRequester({
    transport,
    credentials: options.credentials,
    userAgent: options.userAgent ?? fieldManager,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxRetryAfterMs: options.maxRetryAfterMs ?? 10_000,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    log: options.log,
    observer: options.observer ?? {},
  });

  async function bodyOf<T>(call: KubeRequest): Promise<T> {
    return (await requester.request<T>(call)).body;
  }

  return {
    request: (call) => requester.request(call),
    get: (resource, name, options = {}) =>
      bodyOf({
        method: 'GET',
        path: objectPath(resource, options.namespace, name),
        accept: acceptOne(options),
        ...limits(options),
      }),
    list: (resource, options = {}) => listAll(requester, resource, options),
    listPage: (resource, options, next) => listPage(requester, resource, options, next),
    openWatch: (resource, options, query) =>
      requester.open({
        method: 'GET',
        path: objectPath(resource, options.namespace),
        query: { ...selectors(options), ...query, watch: 'true' },
        accept: acceptWatch(resource, options),
        ...limits(options),
      }),
    create: (resource, object, options = {}) =>
      bodyOf({
        method: 'POST',
        path: objectPath(resource, object.metadata.namespace),
        query: { fieldManager },
        body: typed(resource, object),
        ...limits(options),
      }),
    async update(resource, object, options = {}) {
      return bodyOf(putCall(resource, object, options));
    },
    async updateStatus(resource, object, options = {}) {
      return bodyOf(putCall(resource, object, { ...options, subresource: 'status' }));
    },
    patch: (resource, target, patch, options = {}) =>
      bodyOf({
        method: 'PATCH',
        path: objectPath(resource, target.namespace, target.name, options.subresource),
        query: { fieldManager },
        contentType: 'application/merge-patch+json',
        accept: acceptOne(options),
        body: patch,
        ...limits(options),
      }),
    async delete(resource, name, options = {}) {
      const { namespace, uid, resourceVersion } = options;
      await requester.request({
        method: 'DELETE',
        path: objectPath(resource, namespace, name),
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } },
        ...limits(options),
      });
    },
    serverTime: () => requester.serverTime(),
    close: () => transport.close(),
  };
}

function putCall(resource: Resource, object: AnyObject, options: WriteOptions): KubeRequest {
  const { name, namespace, resourceVersion } = object.metadata;
  const path = objectPath(resource, namespace, name, options.subresource);
  if (resourceVersion === undefined || resourceVersion === '') {
    throw new MangroveError(
      'KUBE_UNCONDITIONAL_WRITE',
      `PUT ${path}: the object has no metadata.resourceVersion`,
    );
  }
  return {
    method: 'PUT',
    path,
    query: { fieldManager },
    accept: acceptOne(options),
    body: typed(resource, object),
    ...limits(options),
  };
}

/** Type and version as the path says, whatever version the object was read at. */
function typed(resource: Resource, object: AnyObject): AnyObject {
  return { ...object, apiVersion: apiVersion(resource), kind: resource.kind };
}
