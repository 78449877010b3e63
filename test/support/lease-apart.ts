import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { answer, type Fault } from '../kube/fault-proxy.ts';

/** The Pod that the token of the request is bound to; undefined for anybody else's. */
export function callerOf({ headers }: IncomingMessage): string | undefined {
  const [, payload = ''] = (headers.authorization ?? '').split('.');
  if (payload === '') return undefined;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    readonly 'kubernetes.io'?: { readonly pod?: { readonly name: string } };
  };
  return claims['kubernetes.io']?.pod?.name;
}

interface LeaseBody {
  readonly metadata: { readonly resourceVersion: string };
}

/** Every replica sees, and gets, a leader Lease of its own: all of them lead, and none learns of another. */
export function leaseApart(): Fault {
  const held = new Map<string | undefined, LeaseBody>();

  async function keep(
    request: IncomingMessage,
    response: ServerResponse,
    caller: string | undefined,
    { metadata }: LeaseBody,
  ): Promise<void> {
    const body = JSON.parse(await text(request)) as LeaseBody;
    const resourceVersion = String(Number(metadata.resourceVersion) + 1);
    const next = { ...body, metadata: { ...body.metadata, resourceVersion } };
    held.set(caller, next);
    answer(response, 200, next);
  }

  return (request, response, forward) => {
    const [, namespace] =
      /\/namespaces\/([^/]+)\/leases\/mangrove-leader(?:[?]|$)/.exec(request.url ?? '') ?? [];
    if (namespace === undefined) return forward();
    const caller = callerOf(request);
    const current = held.get(caller) ?? freeLease(namespace);
    if (request.method === 'GET') return answer(response, 200, current);
    void keep(request, response, caller, current);
  };
}

function freeLease(namespace: string) {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'mangrove-leader', namespace, uid: 'u-1', resourceVersion: '1' },
    spec: { holderIdentity: '' },
  };
}
