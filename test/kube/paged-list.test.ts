import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Cache } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import { startReflector } from '#kube/reflector.ts';
import {
  adminClient,
  configMap,
  configMapsResource as maps,
  ownNamespace,
  recordingLog,
  testSignal,
} from './lab.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const objects = 5_000;
const limit = 500;

describe('a list of 5,000 objects', { timeout: 180_000 }, () => {
  test('comes in pages, and no more than two of them are ever held', async () => {
    const admin = await adminClient();
    const namespace = await ownNamespace(admin);
    const text = 'x'.repeat(2_000);
    const names = Array.from({ length: objects }, (_, n) => `m-${n}`);
    const create = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        await admin.create(maps, configMap(namespace, name, { text }));
      }
    };
    await Promise.all(Array.from({ length: 32 }, create));

    const raws: WeakRef<object>[] = [];
    const alive: number[] = [];
    const client: KubeClient = {
      ...admin,
      async listPage(resource, options, next) {
        const page = await admin.listPage<never>(resource, options, next);
        // What a WeakRef points to lives at least until the turn ends in which it was made or read.
        await new Promise((resolve) => setImmediate(resolve));
        collectGarbage();
        alive.push(raws.filter((raw) => raw.deref() !== undefined).length);
        return page;
      },
    };
    const cache = new Cache<string>();
    const { synced } = startReflector<string, never, ConfigMap>({
      client,
      resource: maps,
      namespace,
      limit,
      cache,
      transform(raw) {
        raws.push(new WeakRef(raw));
        return raw.metadata.uid;
      },
      log: recordingLog().log,
      signal: testSignal(),
    });
    await synced;
    expect(cache.size).toBe(objects);
    expect(alive).toHaveLength(objects / limit);
    expect(Math.max(...alive)).toBeLessThanOrEqual(limit);
  });
});
