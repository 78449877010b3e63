import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { type Annotations, type HeartbeatOptions, startHeartbeat } from '#kube/heartbeat.ts';
import type { Lease } from '#kube/object.ts';
import { leases } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { faultProxy, loseAnswer } from './fault-proxy.ts';
import { adminClient, clientOf, ownNamespace, silent, until } from './lab.ts';

const labels = { 'mangrove.dev/heartbeat': 'replica' };

async function setUp() {
  const admin = await adminClient();
  const namespace = await ownNamespace(admin);
  const start = (client: KubeClient, options: Partial<HeartbeatOptions> = {}) => {
    const controller = new AbortController();
    const failures: string[] = [];
    const heartbeat = startHeartbeat({
      client,
      namespace,
      name: 'replica-0',
      identity: 'replica-0',
      labels,
      annotations: () => ({}),
      intervalMs: 20,
      log: silent,
      signal: controller.signal,
      observer: { failed: (code) => failures.push(code) },
      ...options,
    });
    const stop = (): Promise<void> => {
      controller.abort();
      return heartbeat.done;
    };
    return { heartbeat, failures, stop };
  };
  const read = () => admin.get<Lease>(leases, 'replica-0', { namespace });
  return { admin, namespace, start, read };
}

describe('startHeartbeat', () => {
  beforeAll(async () => {
    await controlPlane();
  });

  test('makes the Lease, finds it by its labels, and renews it with what the replica reports', async () => {
    const { admin, namespace, start } = await setUp();
    let signed = 0;
    const { heartbeat, failures, stop } = start(admin, {
      annotations: () => ({ 'mangrove.dev/newest-not-after': String(++signed) }),
    });
    await heartbeat.beat();
    const find = async () => {
      const { items } = await admin.list<Lease>(leases, {
        namespace,
        labelSelector: 'mangrove.dev/heartbeat=replica',
      });
      return items[0];
    };
    const first = await find();
    expect(first?.spec).toMatchObject({ holderIdentity: 'replica-0', leaseDurationSeconds: 40 });
    expect(first?.spec?.renewTime).toMatch(/\.\d{6}Z$/);
    await until(
      async () => Number((await find())?.metadata.annotations?.['mangrove.dev/newest-not-after']) > 3,
    );
    const later = await find();
    expect(later?.metadata.uid).toBe(first?.metadata.uid);
    expect(later?.spec?.acquireTime).toBe(first?.spec?.acquireTime);
    expect(later?.spec?.renewTime).not.toBe(first?.spec?.renewTime);
    expect(failures).toEqual([]);
    await stop();
    expect((await find())?.metadata.uid).toBe(first?.metadata.uid);
  });

  test("keeps what others wrote, and is given its predecessor's report", async () => {
    const { admin, start, read } = await setUp();
    const before = start(admin, { annotations: () => ({ high: '9' }) });
    await before.heartbeat.beat();
    await before.stop();
    const lease = await read();
    await admin.update<Lease>(leases, {
      ...lease,
      metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, foreign: 'kept' } },
    });
    const seen: Annotations[] = [];
    const after = start(admin, {
      annotations: (current) => {
        seen.push(current);
        return { high: String(Math.max(Number(current['high'] ?? 0), 5)) };
      },
    });
    await after.heartbeat.beat();
    expect(seen[0]).toMatchObject({ high: '9', foreign: 'kept' });
    expect((await read()).metadata.annotations).toMatchObject({ high: '9', foreign: 'kept' });
    await after.stop();
  });

  test('comes back after its Lease was deleted, changed by others, or an answer was lost', async () => {
    const { admin, namespace, start, read } = await setUp();
    const upstream = await controlPlane();
    const proxy = await faultProxy();
    const { heartbeat, stop } = start(clientOf({ credentials: proxy.credentials }), {
      intervalMs: 3_600_000,
    });
    await heartbeat.beat();
    await admin.delete(leases, 'replica-0', { namespace });
    await heartbeat.beat();
    const made = await read();
    await admin.update<Lease>(leases, {
      ...made,
      spec: { ...made.spec, renewTime: '2020-01-01T00:00:00.000000Z' },
    });
    await heartbeat.beat();
    const renewed = await read();
    expect(renewed.spec?.renewTime).not.toContain('2020');
    proxy.setFault((request) => void loseAnswer(request, upstream));
    await expect(heartbeat.beat()).rejects.toMatchObject({ code: 'KUBE_OUTCOME_UNKNOWN' });
    proxy.setFault(undefined);
    await heartbeat.beat();
    expect((await read()).metadata.uid).toBe(renewed.metadata.uid);
    await stop();
  });

  test('goes on beating while the server is away, and says so', async () => {
    const { start, read } = await setUp();
    const proxy = await faultProxy();
    const { heartbeat, failures, stop } = start(clientOf({ credentials: proxy.credentials }));
    await heartbeat.beat();
    proxy.setFault((_request, response) => response.socket?.destroy());
    await until(() => failures.length >= 2);
    // The first was a PUT; before the next one it reads, and that is what fails then.
    expect(failures.slice(0, 2)).toEqual(['KUBE_OUTCOME_UNKNOWN', 'KUBE_UNAVAILABLE']);
    proxy.setFault(undefined);
    const { spec } = await read();
    await until(async () => (await read()).spec?.renewTime !== spec?.renewTime);
    await stop();
  });
});
