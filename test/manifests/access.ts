import { expect } from 'vitest';
import type { Kubectl } from '#sandbox/kubectl.ts';

/** `verb resource[.group][/subresource] [name] [in namespace]`, and whether the server allows it to whom kubectl speaks for. */
export async function allowed(how: Kubectl, rights: readonly string[]): Promise<string[]> {
  const reviews = rights.map((right) => {
    const [, verb, resource, group = '', subresource = '', name = '', namespace = ''] =
      /^(\w+) (\w+)(?:\.([a-z0-9.]+))?(?:\/(\w+))?(?: ([a-z0-9./-]+))??(?: in ([a-z-]+))?$/.exec(right) ?? [];
    return {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, resource, group, subresource, name, namespace } },
    };
  });
  // What `kubectl auth can-i` asks; it cannot ask about signers, which the server has no resource type for.
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: reviews });
  const answer = await how(['create', '-f', '-', '-o', 'jsonpath={.status.allowed}{" "}'], { input });
  const verdicts = answer.trim().split(' ');
  expect(verdicts).toHaveLength(rights.length);
  return rights.filter((_right, index) => verdicts[index] === 'true');
}
