import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import type { AnyObject, Secret } from '#kube/object.ts';
import type { KubeRequest } from '#kube/requester.ts';
import { secrets } from '#kube/resource.ts';
import { createSealed, readSealed } from '#kube/sealed.ts';
import { controlPlane } from '../support/control-plane.ts';

const namespace = 'default';
const name = `sealed-${process.pid}`;
const value = Buffer.from('only the server may remember this').toString('base64');
let client: KubeClient;
beforeAll(async () => {
  const { kubeconfig } = await controlPlane();
  client = createKubeClient({ credentials: loadCredentials({ kubeconfig }), log: pino({ level: 'silent' }) });
});
afterAll(() => client.close());

/** The client, and what was answered through it. */
function overheard(): { readonly answers: string[]; readonly client: Pick<KubeClient, 'request'> } {
  const answers: string[] = [];
  const request = async <T>(call: KubeRequest) => {
    const response = await client.request<T>(call);
    answers.push(String(response.body));
    return response;
  };
  return { answers, client: { request } };
}

test('an object is created from bytes that are wiped, and no answer brings its secret back', async () => {
  const object = { metadata: { name, namespace }, data: { secret: value } };
  const json = Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Secret', ...object }));
  const { answers, client: told } = overheard();
  await createSealed(told, secrets, namespace, json);
  expect(json.every((byte) => byte === 0)).toBe(true);
  expect(answers).toEqual([expect.stringContaining('"PartialObjectMetadata"')]);
  expect(answers[0]).not.toContain(value);
  expect((await client.get<Secret>(secrets, name, { namespace })).data).toEqual({ secret: value });

  const patch = { metadata: { annotations: { a: 'b' } } };
  const patched = await client.patch<AnyObject>(secrets, { name, namespace }, patch, { metadataOnly: true });
  expect(patched).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { annotations: { a: 'b' } } });
  expect(patched).not.toHaveProperty('data');
});

test('an object is lent as bytes, and they are wiped when it is done, or fails', async () => {
  let lent = Buffer.alloc(0);
  const read = await readSealed(client, secrets, { namespace, name }, (json) => {
    lent = json as Buffer<ArrayBuffer>;
    return json.includes(value);
  });
  expect(read).toBe(true);
  expect(lent.length).toBeGreaterThan(100);
  expect(lent.every((byte) => byte === 0)).toBe(true);
  const failing = readSealed(client, secrets, { namespace, name }, (json) => {
    lent = json as Buffer<ArrayBuffer>;
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(lent.every((byte) => byte === 0)).toBe(true);
  // The connection, whose pieces were wiped too, goes on: another answer is whole.
  expect((await client.get<Secret>(secrets, name, { namespace })).data).toEqual({ secret: value });
});

test('what is not there is said as ever, for the status in the answer is still read', async () => {
  await expect(
    readSealed(client, secrets, { namespace, name: 'absent' }, () => undefined),
  ).rejects.toMatchObject({
    code: 'KUBE_NOT_FOUND',
  });
  const again = Buffer.from(
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } }),
  );
  await expect(createSealed(client, secrets, namespace, again)).rejects.toMatchObject({
    code: 'KUBE_ALREADY_EXISTS',
  });
});
