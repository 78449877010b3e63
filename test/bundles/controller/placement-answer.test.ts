import { expect, test } from 'vitest';
import { patchOf } from '#bundles/controller/placement/answer.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps, secrets } from '#kube/resource.ts';
import { adminClient, ownNamespace } from '../../kube/lab.ts';

const resources = { configMap: configMaps, secret: secrets } as const;
const values = { a: 'MQ==', b: 'Mg==', c: 'Mw==', d: 'NA==' } as const;

test.each(['configMap', 'secret'] as const)(
  'a patch of a %s changes what it names and nothing else, is answered with metadata, and changes nothing when it is a conflict',
  async (kind) => {
    const client = await adminClient();
    const [namespace, resource, name] = [await ownNamespace(client), resources[kind], 'patched'];
    const { a, b, c, d } = values;
    const created = await client.create<ConfigMap>(resource, {
      metadata: { namespace, name },
      data: { a, b },
    });
    const { resourceVersion, uid } = created.metadata;
    const patch = (data: Record<string, string | null>) => {
      const body = Buffer.from(
        JSON.stringify({ metadata: { resourceVersion, uid, labels: { mark: 'x' } }, data }),
      );
      return patchOf(client, { kind, namespace, name }, [body]);
    };
    const patched = await patch({ a: null, c });
    expect(patched).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { labels: { mark: 'x' } } });
    expect(patched).not.toHaveProperty('data');
    const stands = await client.get<ConfigMap>(resource, name, { namespace });
    expect(stands.data).toEqual({ b, c });
    expect(stands.metadata.resourceVersion).toBe(patched.metadata.resourceVersion);
    await expect(patch({ d })).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
    expect(await client.get<ConfigMap>(resource, name, { namespace })).toEqual(stands);
  },
);
