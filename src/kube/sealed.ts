import { fieldManager, type KubeClient } from '#kube/client.ts';
import { acceptOne, type CallOptions, limits } from '#kube/page.ts';
import { objectPath, type Resource } from '#kube/resource.ts';

/** The name of one object, and of the namespace that it is in. */
export interface SealedObject {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Reads an object that holds a secret and lends its JSON to `use` as the bytes that came: no string is made of them, and when
 * `use` is done they are wiped wherever they passed on their way from the socket. Throws KubeError, and what `use` throws.
 */
export async function readSealed<T>(
  client: Pick<KubeClient, 'request'>,
  resource: Resource,
  { namespace, name }: SealedObject,
  use: (json: Buffer) => T,
  options: CallOptions = {},
): Promise<T> {
  const { body } = await client.request<Buffer>({
    method: 'GET',
    path: objectPath(resource, namespace, name),
    sealed: true,
    ...limits(options),
  });
  try {
    return use(body);
  } finally {
    body.fill(0);
  }
}

/**
 * Creates an object that holds a secret from the bytes of its JSON, and wipes them, whatever becomes of the request. The server
 * is asked to answer with metadata only: its usual answer would bring the secret back. Throws KubeError.
 */
export async function createSealed(
  client: Pick<KubeClient, 'request'>,
  resource: Resource,
  namespace: string,
  json: Buffer,
  options: CallOptions = {},
): Promise<void> {
  try {
    await client.request<Buffer>({
      method: 'POST',
      path: objectPath(resource, namespace),
      query: { fieldManager },
      accept: acceptOne({ metadataOnly: true }),
      body: json,
      sealed: true,
      ...limits(options),
    });
  } finally {
    json.fill(0);
  }
}
