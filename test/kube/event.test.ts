import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { createEventRecorder, type EventRecorderOptions } from '#kube/event.ts';
import type { AnyObject, ConfigMap, Event } from '#kube/object.ts';
import { events } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { faultProxy, loseAnswer } from './fault-proxy.ts';
import {
  adminClient,
  clientOf,
  configMap,
  configMapsResource,
  ownNamespace,
  silent,
  testSignal,
  uniqueName,
  until,
} from './lab.ts';

const occurrence = { type: 'Warning', reason: 'NotIssued', message: 'the ledger is full' } as const;

async function setUp() {
  const admin = await adminClient();
  const namespace = await ownNamespace(admin);
  const regarding = await admin.create<ConfigMap>(configMapsResource, configMap(namespace, 'it'));
  const start = (client: KubeClient, options: Partial<EventRecorderOptions> = {}) => {
    const dropped: string[] = [];
    const recorder = createEventRecorder({
      client,
      instance: 'replica-0',
      log: silent,
      signal: testSignal(),
      repeatMs: 1,
      observer: { dropped: (_reason, why) => dropped.push(why) },
      ...options,
    });
    return { recorder, dropped };
  };
  const list = async (about: AnyObject = regarding) => {
    const { items } = await admin.list<Event>(events, {
      namespace: about.metadata.namespace ?? 'default',
      fieldSelector: `involvedObject.uid=${about.metadata.uid}`,
    });
    return items;
  };
  return { admin, namespace, regarding, start, list };
}

describe('createEventRecorder', () => {
  beforeAll(async () => {
    await controlPlane();
  });

  test('writes an event as kubectl describe shows it', async () => {
    const { admin, regarding, start, list } = await setUp();
    const { recorder } = start(admin);
    recorder.record(regarding, occurrence);
    await recorder.flushed();
    const [event, ...more] = await list();
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      ...occurrence,
      count: 1,
      involvedObject: { kind: 'ConfigMap', apiVersion: 'v1', name: 'it', uid: regarding.metadata.uid },
      source: { component: 'mangrove' },
      reportingInstance: 'replica-0',
    });
    expect(event?.firstTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test('events of cluster-scoped objects lie in the namespace default, whatever their name', async () => {
    const { admin, start, list } = await setUp();
    const name = `mangrove.dev:workload:${uniqueName('east')}.test`;
    const bundle = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name, uid: uniqueName('uid') },
    };
    const { recorder, dropped } = start(admin);
    recorder.record(bundle, occurrence);
    await recorder.flushed();
    expect(dropped).toEqual([]);
    expect((await list(bundle))[0]).toMatchObject({
      metadata: { namespace: 'default' },
      involvedObject: { name },
    });
  });

  test('repeats are counted in one event, other things said of the same object are another', async () => {
    const { admin, regarding, start, list } = await setUp();
    const { recorder } = start(admin);
    recorder.record(regarding, occurrence);
    await recorder.flushed();
    for (let n = 0; n < 4; n++) recorder.record(regarding, occurrence);
    recorder.record(regarding, { ...occurrence, reason: 'Other' });
    await recorder.flushed();
    const counts = (await list()).map(({ reason, count }) => [reason, count]);
    expect(new Map(counts as [string, number][])).toEqual(
      new Map([
        ['NotIssued', 5],
        ['Other', 1],
      ]),
    );
    expect(counts).toHaveLength(2);
  });

  test('an event that expired is begun anew', async () => {
    const { admin, namespace, regarding, start, list } = await setUp();
    const { recorder, dropped } = start(admin);
    recorder.record(regarding, occurrence);
    await recorder.flushed();
    const [first] = await list();
    await admin.delete(events, first?.metadata.name ?? '', { namespace });
    recorder.record(regarding, occurrence);
    await recorder.flushed();
    expect(await list()).toMatchObject([{ count: 2 }]);
    expect(dropped).toEqual([]);
  });

  test('never throws and never waits: with the server away the queue is bounded and the rest counted', async () => {
    const { regarding, start } = await setUp();
    const proxy = await faultProxy();
    proxy.setFault((_request, response) => response.socket?.destroy());
    const { recorder, dropped } = start(clientOf({ credentials: proxy.credentials }), {
      limit: 3,
      random: () => 0,
    });
    for (let n = 0; n < 10; n++) recorder.record(regarding, { ...occurrence, message: `message ${n}` });
    expect(dropped.filter((why) => why === 'full')).toHaveLength(6);
    await recorder.flushed();
    expect(dropped.filter((why) => why === 'KUBE_OUTCOME_UNKNOWN')).toHaveLength(4);
  });

  test('an event whose answer was lost is not made twice', async () => {
    const { regarding, start, list } = await setUp();
    const upstream = await controlPlane();
    const proxy = await faultProxy();
    let lost = 0;
    proxy.setFault((request, _response, forward) => {
      if (lost++ < 2) void loseAnswer(request, upstream);
      else forward();
    });
    const { recorder, dropped } = start(clientOf({ credentials: proxy.credentials }));
    recorder.record(regarding, occurrence);
    await recorder.flushed();
    expect(lost).toBeGreaterThan(2);
    expect(await list()).toMatchObject([{ count: 1 }]);
    expect(dropped).toEqual([]);
  });

  test('something new is not kept waiting by a repeat that is not due', async () => {
    const { admin, regarding, start, list } = await setUp();
    const { recorder } = start(admin, { repeatMs: 3_600_000 });
    recorder.record(regarding, occurrence);
    await until(async () => (await list()).length === 1);
    recorder.record(regarding, occurrence);
    await new Promise((resolve) => setTimeout(resolve, 20));
    recorder.record(regarding, { ...occurrence, reason: 'New' });
    await until(async () => (await list()).length === 2);
    expect((await list()).find(({ reason }) => reason === 'NotIssued')?.count).toBe(1);
  });

  test('a message over the limit of events.k8s.io is cut', async () => {
    const { admin, regarding, start, list } = await setUp();
    const { recorder } = start(admin);
    recorder.record(regarding, { ...occurrence, message: 'é'.repeat(3_000) });
    await recorder.flushed();
    expect((await list()).map(({ message }) => message.length)).toEqual([1_024]);
  });
});
