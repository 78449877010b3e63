import { beforeAll, describe, expect, test } from 'vitest';
import { discover } from '#kube/discovery.ts';
import { controlPlane } from '../support/control-plane.ts';
import { answer, type Fault, faultProxy, statusBody } from './fault-proxy.ts';
import { adminClient, clientOf } from './lab.ts';

const group = 'certificates.k8s.io';
const plural = 'clustertrustbundles';
const versions = ['v1', 'v1beta1', 'v1alpha1'];

async function behind(fault: Fault) {
  const proxy = await faultProxy();
  proxy.setFault(fault);
  return clientOf({ credentials: proxy.credentials, timeoutMs: 500 });
}

describe('discover', () => {
  beforeAll(async () => {
    await controlPlane();
  });

  test('finds the first version that serves the resource', async () => {
    const client = await adminClient();
    expect(await discover(client, group, plural, versions)).toEqual({ state: 'served', version: 'v1' });
    expect(await discover(client, group, plural, ['v7', 'v1'])).toEqual({ state: 'served', version: 'v1' });
    expect(await discover(client, '', 'configmaps', ['v1'])).toEqual({ state: 'served', version: 'v1' });
  });

  test('a missing resource, version or group is absent', async () => {
    const client = await adminClient();
    expect(await discover(client, group, 'unheardof', ['v1'])).toEqual({ state: 'absent' });
    expect(await discover(client, group, plural, ['v7'])).toEqual({ state: 'absent' });
    expect(await discover(client, 'nobody.test', plural, versions)).toEqual({ state: 'absent' });
  });

  test('a version that comes back is found again: nothing is remembered', async () => {
    let hidden = true;
    const client = await behind((request, response, forward) => {
      if (hidden && request.url === `/apis/${group}/v1`) answer(response, 404, '404 page not found\n');
      else forward();
    });
    // The real server has v1beta1 off by default.
    expect(await discover(client, group, plural, versions)).toEqual({ state: 'absent' });
    hidden = false;
    expect(await discover(client, group, plural, versions)).toEqual({ state: 'served', version: 'v1' });
  });

  test.for<[string, Fault, string]>([
    [
      '401',
      (_request, response) => answer(response, 401, statusBody(401, 'Unauthorized')),
      'KUBE_UNAUTHORIZED',
    ],
    ['403', (_request, response) => answer(response, 403, statusBody(403, 'Forbidden')), 'KUBE_FORBIDDEN'],
    [
      '500',
      (_request, response) => answer(response, 500, statusBody(500, 'InternalError')),
      'KUBE_UNAVAILABLE',
    ],
    ['503', (_request, response) => answer(response, 503, 'no healthy upstream'), 'KUBE_UNAVAILABLE'],
    ['silence', () => undefined, 'KUBE_TIMEOUT'],
    ['a reset', (_request, response) => response.socket?.destroy(), 'KUBE_UNAVAILABLE'],
    [
      'a page of something else',
      (_request, response) => answer(response, 200, { kind: 'Cat' }),
      'KUBE_RESPONSE_INVALID',
    ],
    [
      "a proxy's 404 for everything",
      (_request, response) => answer(response, 404, 'nothing here'),
      'KUBE_PATH_NOT_FOUND',
    ],
  ])('%s is unknown, never absent', async ([, fault, code]) => {
    const client = await behind(fault);
    expect(await discover(client, group, plural, versions)).toMatchObject({
      state: 'unknown',
      cause: { code },
    });
  });

  test('one version that is unknown hides the older ones', async () => {
    const client = await behind((request, response, forward) => {
      if (request.url === `/apis/${group}/v1`) answer(response, 503, 'later');
      else forward();
    });
    expect(await discover(client, group, plural, ['v1', 'v1beta1'])).toMatchObject({ state: 'unknown' });
  });

  test('an aborted discovery rejects', async () => {
    const client = await adminClient();
    const reason = new Error('stopped');
    await expect(discover(client, group, plural, versions, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
