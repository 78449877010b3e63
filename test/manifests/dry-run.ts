import { errorCode, errorMessage } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { CustomResource } from '#kube/crd.ts';
import { objectPath } from '#kube/resource.ts';

export type Spec = Readonly<Record<string, unknown>>;

/** What the API server would store, or what it says against it. */
export async function ask(
  client: KubeClient,
  resource: CustomResource,
  object: { name: string; spec: Spec },
): Promise<{ spec: Spec } | { refusal: string }> {
  try {
    const { body } = await client.request<{ spec: Spec }>({
      method: 'POST',
      path: objectPath(resource, undefined),
      query: { dryRun: 'All', fieldValidation: 'Strict' },
      body: {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: resource.kind,
        metadata: { name: object.name },
        spec: object.spec,
      },
    });
    return { spec: body.spec };
  } catch (error) {
    if (errorCode(error) !== 'KUBE_INVALID') throw error;
    return { refusal: errorMessage(error) };
  }
}

/** What a parser says against a spec. */
export function refusalOf(
  parse: (raw: unknown) => unknown,
  spec: Spec,
): { code: unknown; message: string } | undefined {
  try {
    parse(spec);
    return undefined;
  } catch (error) {
    return { code: errorCode(error), message: errorMessage(error) };
  }
}

/** What the API server says against a change of the trust domain of an object that exists. */
export async function changeTrustDomain(
  client: KubeClient,
  resource: CustomResource,
  { name, spec }: { name: string; spec: Spec },
): Promise<string> {
  const { group, version, kind } = resource;
  const created = { apiVersion: `${group}/${version}`, kind, metadata: { name }, spec };
  await client.create(resource, created);
  try {
    await client.patch(resource, { name }, { spec: { trustDomain: 'other.test' } });
    return 'accepted';
  } catch (error) {
    return errorMessage(error);
  } finally {
    await client.delete(resource, name);
  }
}

export const reservedSigner =
  'kubernetes.io and its subdomains are reserved for Kubernetes itself: use a domain of your own';
