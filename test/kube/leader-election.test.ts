import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeClient } from '#kube/client.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import {
  type LeaderElection,
  type LeaderElectionOptions,
  startLeaderElection,
} from '#kube/leader-election.ts';
import type { Lease } from '#kube/object.ts';
import { leases } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { faultProxy, loseAnswer } from './fault-proxy.ts';
import { adminClient, clientOf, ownNamespace, silent, until } from './lab.ts';

/** Leases have whole seconds, so a second is the shortest term. */
const short = { leaseDurationMs: 3_000, renewDeadlineMs: 2_400, retryMs: 60 };

interface Candidate {
  readonly election: LeaderElection;
  readonly terms: boolean[];
  readonly stop: () => Promise<void>;
}

function candidate(
  client: KubeClient,
  namespace: string,
  identity: string,
  options: Partial<LeaderElectionOptions> = {},
): Candidate {
  const controller = new AbortController();
  const terms: boolean[] = [];
  const election = startLeaderElection({
    client,
    namespace,
    name: 'leader',
    identity,
    log: silent,
    signal: controller.signal,
    onChange: (leading) => terms.push(leading),
    ...short,
    ...options,
  });
  const stop = (): Promise<void> => {
    controller.abort();
    return election.done;
  };
  return { election, terms, stop };
}

async function setUp() {
  const admin = await adminClient();
  const namespace = await ownNamespace(admin);
  const read = () => admin.get<Lease>(leases, 'leader', { namespace });
  return { admin, namespace, read };
}

/** Waits, and sees on the way that two never lead at once. */
async function untilSafely(candidates: readonly Candidate[], holds: () => boolean): Promise<void> {
  await until(() => {
    expect(candidates.filter(({ election }) => election.isLeader()).length).toBeLessThanOrEqual(1);
    return holds();
  });
}

describe('startLeaderElection', () => {
  beforeAll(async () => {
    await controlPlane();
  });

  test('of several that start at once one leads, and the Lease says so in times that the API server takes', async () => {
    const { admin, namespace, read } = await setUp();
    const all = ['a', 'b', 'c', 'd', 'e'].map((identity) => candidate(admin, namespace, identity));
    await untilSafely(all, () => all.some(({ election }) => election.isLeader()));
    const leader = all.find(({ election }) => election.isLeader());
    const { spec } = await read();
    expect(spec).toMatchObject({
      holderIdentity: leader?.election.identity,
      leaseDurationSeconds: short.leaseDurationMs / 1_000,
      leaseTransitions: 0,
    });
    expect(spec?.renewTime).toMatch(/\.\d{6}Z$/);
    expect(spec?.acquireTime).toMatch(/\.\d{6}Z$/);
    await untilSafely(all, () =>
      all.every(({ election }) => election.holder() === leader?.election.identity),
    );
    await Promise.all(all.map(({ stop }) => stop()));
  });

  test('a leader that stops gives the Lease up, and the next one takes it', async () => {
    const { admin, namespace, read } = await setUp();
    const first = candidate(admin, namespace, 'first');
    await until(() => first.election.isLeader());
    await first.stop();
    expect(first.election.isLeader()).toBe(false);
    expect(first.terms).toEqual([true, false]);
    expect((await read()).spec?.holderIdentity ?? '').toBe('');
    const second = candidate(admin, namespace, 'second');
    await until(() => second.election.isLeader());
    expect((await read()).spec?.leaseTransitions).toBe(1);
    await second.stop();
  });

  test('a leader that is cut off stops leading by itself before another takes over', async () => {
    const { admin, namespace, read } = await setUp();
    const proxy = await faultProxy();
    const first = candidate(clientOf({ credentials: proxy.credentials }), namespace, 'first');
    await until(() => first.election.isLeader());
    const second = candidate(admin, namespace, 'second');
    await untilSafely([first, second], () => second.election.holder() === first.election.identity);
    // Its requests hang: the worst case, for none of them fails.
    proxy.setFault(() => undefined);
    await untilSafely([first, second], () => second.election.isLeader());
    expect(first.terms).toEqual([true, false]);
    expect((await read()).spec?.holderIdentity).toBe(second.election.identity);
    proxy.setFault(undefined);
    await untilSafely([first, second], () => first.election.holder() === second.election.identity);
    await Promise.all([first.stop(), second.stop()]);
  });

  test('a clock that is an hour ahead takes nothing from a leader that renews', async () => {
    const { admin, namespace, read } = await setUp();
    const first = candidate(admin, namespace, 'first');
    await until(() => first.election.isLeader());
    const ahead: Clock = { ...systemClock, wall: () => Date.now() + 3_600_000 };
    const second = candidate(admin, namespace, 'second', { clock: ahead });
    const renewals = new Set<string | undefined>();
    const started = performance.now();
    await until(async () => {
      renewals.add((await read()).spec?.renewTime);
      // Long enough for the Lease to expire if its timestamps were believed, or if nobody renewed.
      return renewals.size > 5 && performance.now() - started > 2 * short.leaseDurationMs;
    });
    expect(second.terms).toEqual([]);
    expect(first.terms).toEqual([true]);
    await Promise.all([first.stop(), second.stop()]);
  });

  test('a machine that slept is no leader when it wakes, although its monotonic clock stood still', async () => {
    const { admin, namespace } = await setUp();
    let slept = 0;
    const clock: Clock = { ...systemClock, wall: () => Date.now() + slept };
    const { election, stop } = candidate(admin, namespace, 'sleeper', { clock });
    await until(() => election.isLeader());
    slept = 5_000;
    expect(election.isLeader()).toBe(false);
    await until(() => election.isLeader());
    await stop();
  });

  test('a renewal whose answer was lost is read before it is repeated, and leadership goes on', async () => {
    const { namespace } = await setUp();
    const upstream = await controlPlane();
    const proxy = await faultProxy();
    const { election, terms, stop } = candidate(clientOf({ credentials: proxy.credentials }), namespace, 'a');
    await until(() => election.isLeader());
    let lost = 0;
    proxy.setFault((request, _response, forward) => {
      if (request.method === 'PUT' && lost++ === 0) void loseAnswer(request, upstream);
      else forward();
    });
    await until(() => lost >= 1);
    proxy.seen.length = 0;
    await until(() => proxy.seen.filter((line) => line.startsWith('PUT')).length >= 3);
    expect(terms).toEqual([true]);
    await stop();
  });

  test('a Lease that somebody took by force ends the term', async () => {
    const { admin, namespace, read } = await setUp();
    const { election, terms, stop } = candidate(admin, namespace, 'a');
    await until(() => election.isLeader());
    await until(async () => {
      const lease = await read();
      const taken = {
        ...lease,
        spec: { ...lease.spec, holderIdentity: 'intruder', leaseDurationSeconds: 3_600 },
      };
      return admin.update<Lease>(leases, taken).then(
        () => true,
        () => false,
      );
    });
    await until(() => terms.length === 2);
    expect(terms).toEqual([true, false]);
    expect(election.holder()).toBe('intruder');
    await stop();
    expect((await read()).spec?.holderIdentity).toBe('intruder');
  });

  test('a Lease that was deleted is made again', async () => {
    const { admin, namespace, read } = await setUp();
    const { election, stop } = candidate(admin, namespace, 'a');
    await until(() => election.isLeader());
    const { metadata } = await read();
    await admin.delete(leases, 'leader', { namespace });
    await until(() =>
      read().then(
        (lease) => lease.metadata.uid !== metadata.uid,
        () => false,
      ),
    );
    await until(() => election.isLeader());
    await stop();
  });

  test('a process does not take the term of its dead predecessor for its own', async () => {
    const { admin, namespace } = await setUp();
    const proxy = await faultProxy();
    const dead = candidate(clientOf({ credentials: proxy.credentials }), namespace, 'pod-0');
    await until(() => dead.election.isLeader());
    proxy.setFault((_request, response) => response.socket?.destroy());
    const reborn = candidate(admin, namespace, 'pod-0');
    await untilSafely([dead, reborn], () => reborn.election.isLeader());
    await Promise.all([dead.stop(), reborn.stop()]);
  });

  test('durations that would let two lead are refused', async () => {
    const { admin, namespace } = await setUp();
    const wrong = () => candidate(admin, namespace, 'a', { renewDeadlineMs: 1_000, leaseDurationMs: 1_000 });
    expect(wrong).toThrow(expect.objectContaining({ code: 'KUBE_CONFIG_INVALID' }));
  });
});
