import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { keepPodToken, type PodTokenOptions, writePodToken } from '#sandbox/pod-token.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';

const namespace = 'pod-token';
let cluster: TestControlPlane;
let token: PodTokenOptions;

beforeAll(async () => {
  cluster = await controlPlane();
  const { kubectl } = cluster;
  await kubectl(['create', 'namespace', namespace]);
  await kubectl(['-n', namespace, 'create', 'serviceaccount', 'app']);
  const spec = { serviceAccountName: 'app', containers: [{ name: 'app', image: 'none' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app-0', namespace }, spec };
  const created = await kubectl(['create', '-o', 'jsonpath={.metadata.uid}', '-f', '-'], {
    input: JSON.stringify(pod),
  });
  const path = join(scratchDirectory(), 'token');
  token = { kubectl, namespace, serviceAccount: 'app', pod: { name: 'app-0', uid: created }, path };
});

const read = () => readFileSync(token.path, 'utf8');

test('the token is for its owner’s eyes only and is bound to the pod’s very uid', async () => {
  await writePodToken(token);
  expect(statSync(token.path).mode & 0o777).toBe(0o600);
  const { 'kubernetes.io': claims } = JSON.parse(
    Buffer.from(read().split('.')[1] ?? '', 'base64url').toString(),
  );
  expect(claims.pod).toEqual({ name: 'app-0', uid: token.pod.uid });
  const other = { ...token, pod: { name: 'app-0', uid: '11111111-1111-1111-1111-111111111111' } };
  await expect(writePodToken(other)).rejects.toMatchObject({ code: 'SANDBOX_KUBECTL_FAILED' });
});

test('the token is renewed when half of its life is over, not before', async () => {
  await writePodToken(token);
  const first = read();
  let now = 0;
  const failures: unknown[] = [];
  let looks = 0;
  const clock = () => {
    looks += 1;
    return now;
  };
  const keeper = keepPodToken(token, { now: clock, checkMs: 5, onFailure: (error) => failures.push(error) });
  try {
    now = 1_799_000;
    const seen = looks;
    await expect.poll(() => looks).toBeGreaterThan(seen + 3);
    expect(read()).toBe(first);
    now = 1_800_000;
    await expect.poll(read, { timeout: 30_000 }).not.toBe(first);
    expect(failures).toEqual([]);
  } finally {
    keeper.stop();
  }
});

test('a renewal that fails is reported and tried again', async () => {
  const gone = { ...token, pod: { name: 'never-was', uid: token.pod.uid } };
  let now = 0;
  const failures: unknown[] = [];
  const keeper = keepPodToken(gone, {
    now: () => now,
    checkMs: 5,
    onFailure: (error) => failures.push(error),
  });
  try {
    now = 3_600_000;
    await expect.poll(() => failures.length, { timeout: 30_000 }).toBeGreaterThan(1);
    expect(failures[0]).toMatchObject({ message: expect.stringContaining('never-was') });
  } finally {
    keeper.stop();
  }
});
