import { errorCode } from '#errors/error.ts';
import type { AnyObject } from '#kube/object.ts';
import { hasProtobuf, protobufMediaType } from '#kube/protobuf/object.ts';
import type { Requester } from '#kube/requester.ts';
import { apiVersion, objectPath, type Resource } from '#kube/resource.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For one attempt with its answer; default: the client's. */
  readonly timeoutMs?: number;
  /** It does not wait behind others for a connection: for what decides who may act, which must not be late because there is much to do. */
  readonly urgent?: boolean;
}

export interface ReadOptions extends CallOptions {
  readonly namespace?: string | undefined;
  /** Only `metadata` comes over the wire (PartialObjectMetadata). */
  readonly metadataOnly?: boolean;
}

export interface ListOptions extends ReadOptions {
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Objects per page; default 500. */
  readonly limit?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Token of the next page; undefined on the last. */
  readonly next: string | undefined;
  readonly serverTime: number | undefined;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Date of the first page's answer, seconds since the epoch. */
  readonly serverTime: number | undefined;
}

const maxListBytes = 64 * 1024 * 1024;
const maxRestarts = 3;
const partial = ';g=meta.k8s.io;v=v1,application/json';

export async function listPage<T extends AnyObject>(
  requester: Requester,
  resource: Resource,
  options: ListOptions,
  next?: string,
): Promise<Page<T>> {
  const { body, serverTime } = await requester.request<RawList<T>>({
    method: 'GET',
    path: objectPath(resource, options.namespace),
    query: { ...selectors(options), limit: String(options.limit ?? 500), continue: next },
    accept:
      options.metadataOnly === true
        ? `application/json;as=PartialObjectMetadataList${partial}`
        : 'application/json',
    maxBytes: maxListBytes,
    ...limits(options),
  });
  // The server leaves kind and apiVersion out of the items of built-in lists, but not out of watch events.
  const type = { apiVersion: apiVersion(resource), kind: resource.kind };
  return {
    items: (body.items ?? []).map((item) => ({ ...type, ...item })),
    resourceVersion: body.metadata.resourceVersion,
    next: body.metadata.continue === '' ? undefined : body.metadata.continue,
    serverTime,
  };
}

/** All pages; one that expires between two pages (410) is begun again. */
export async function listAll<T extends AnyObject>(
  requester: Requester,
  resource: Resource,
  options: ListOptions,
): Promise<ObjectList<T>> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await listOnce<T>(requester, resource, options);
    } catch (error) {
      if (errorCode(error) !== 'KUBE_GONE' || restarts >= maxRestarts) throw error;
    }
  }
}

async function listOnce<T extends AnyObject>(
  requester: Requester,
  resource: Resource,
  options: ListOptions,
): Promise<ObjectList<T>> {
  const items: T[] = [];
  const first = await listPage<T>(requester, resource, options);
  for (let page = first; ; page = await listPage<T>(requester, resource, options, page.next)) {
    for (const item of page.items) items.push(item);
    if (page.next === undefined) break;
  }
  return { items, resourceVersion: first.resourceVersion, serverTime: first.serverTime };
}

interface RawList<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[] | null;
}

export function selectors(options: ListOptions): Record<string, string | undefined> {
  return { fieldSelector: options.fieldSelector, labelSelector: options.labelSelector };
}

export function limits({ signal, timeoutMs, urgent }: CallOptions): CallOptions {
  return { signal, ...(timeoutMs !== undefined && { timeoutMs }), ...(urgent !== undefined && { urgent }) };
}

/** The Accept header for one object. */
export function acceptOne(options: ReadOptions): string {
  return options.metadataOnly === true
    ? `application/json;as=PartialObjectMetadata${partial}`
    : 'application/json';
}

/**
 * The Accept header for the events of a watch: protobuf where we can read it, which costs the API server a third of the time and of the
 * bytes of JSON; and JSON, for who does not know it.
 */
export function acceptWatch(resource: Resource, options: ReadOptions): string {
  const json = acceptOne(options);
  if (options.metadataOnly === true)
    return `${protobufMediaType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,${json}`;
  const type = { apiVersion: apiVersion(resource), kind: resource.kind };
  return hasProtobuf(type) ? `${protobufMediaType},${json}` : json;
}
