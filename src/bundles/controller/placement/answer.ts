import { resourceOf } from '#bundles/controller/placement/read.ts';
import type { PlacementKind } from '#bundles/target/named-target.ts';
import type { Pieces } from '#bundles/target/placed-object.ts';
import { fieldManager, type KubeClient } from '#kube/client.ts';
import type { AnyObject } from '#kube/object.ts';
import { acceptOne } from '#kube/page.ts';
import type { KubeRequest } from '#kube/requester.ts';
import { objectPath } from '#kube/resource.ts';
import { blankLastApplied } from '#secret-data.ts';

/** Of the object, or of the collection that it is to be made in. */
export interface AnswerPlace {
  readonly kind: PlacementKind;
  readonly namespace: string;
  readonly name?: string;
}

/**
 * The metadata that a request is answered with. That of a Secret has passed through kubectl, which keeps a copy of the whole object in
 * an annotation: it is wiped before anything becomes a string. Throws KubeError.
 */
export async function metadataAnswer(
  client: Pick<KubeClient, 'request'>,
  { kind, namespace, name }: AnswerPlace,
  call: Pick<KubeRequest, 'method' | 'query' | 'contentType' | 'body' | 'signal'>,
): Promise<AnyObject> {
  const path = objectPath(resourceOf[kind], namespace, name);
  const request = { ...call, path, accept: acceptOne({ metadataOnly: true }) };
  if (kind === 'configMap') return (await client.request<AnyObject>(request)).body;
  const { body } = await client.request<Buffer>({ ...request, sealed: true });
  try {
    blankLastApplied(body);
    const object: AnyObject = JSON.parse(body.toString('utf8'));
    return object;
  } finally {
    body.fill(0);
  }
}

/**
 * A strategic merge patch, which only built-in kinds know: it touches no other key, and costs the server a quarter of a plain one. With a
 * resourceVersion in its metadata it is as conditional as a PUT. Throws KubeError.
 * @param body its JSON
 */
export function patchOf(
  client: Pick<KubeClient, 'request'>,
  place: Required<AnswerPlace>,
  body: Pieces,
  signal?: AbortSignal,
): Promise<AnyObject> {
  const contentType = 'application/strategic-merge-patch+json';
  const query = { fieldManager };
  return metadataAnswer(client, place, { method: 'PATCH', query, contentType, body, signal });
}
