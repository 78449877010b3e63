import type { AnyObject } from '#kube/object.ts';
import type { Resource } from '#kube/resource.ts';
import { uniqueName } from './lab.ts';

/** A kind of the test's own, and the CustomResourceDefinition that the server serves it by. */
export function treeKind(): {
  resource: Resource;
  definition: AnyObject & Readonly<Record<string, unknown>>;
} {
  const group = `${uniqueName('g')}.test`;
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    resource: { group, version: 'v1', plural: 'trees', kind: 'Tree', namespaced: false },
    definition: {
      metadata: { name: `trees.${group}` },
      spec: {
        group,
        scope: 'Cluster',
        names: { plural: 'trees', kind: 'Tree' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    },
  };
}
