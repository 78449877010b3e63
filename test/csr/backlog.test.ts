import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { type Backlog, createBacklog } from '#csr/signing-request/controller/backlog.ts';
import type { KubeClient } from '#kube/client.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { approveDirectly, opensslRequest } from './support/requester.ts';

test('a request waits until it is answered or gone, whichever of the watches says so first', async () => {
  const on = await install(await controlPlane());
  onTestFinished(() => on.stop());
  const name = `${on.namespace}-web`;
  const [one, other] = [on.signerName, `${on.namespace}.test/other`];
  const { client, hold, release } = lateWatch(on.admin, one);
  const { backlog, told } = follow(client, [one, other]);

  await ask(on, name, one);
  const { metadata: first } = await until('the first waits', async () => backlog.get(name));
  hold();
  await on.admin.delete(certificateSigningRequests, name);
  await ask(on, name, other);
  await until('both are held', async () => backlog.size() === 2);
  told.length = 0;
  release();
  // The end of the first is told last, and the second waits as before.
  const { metadata: second } = await until('the second waits', async () => {
    const held = backlog.get(name);
    return held?.metadata.uid === first.uid ? undefined : held;
  });
  expect(told).toEqual(['waits']);
  expect(backlog.names()).toEqual([name]);

  told.length = 0;
  await on.admin.delete(certificateSigningRequests, name);
  await until('none waits', async () => backlog.size() === 0);
  expect(second.uid).not.toBe(first.uid);
  expect(told).toEqual(['gone']);
});

test('the requests of a signer name that is no longer followed wait no more', async () => {
  const on = await install(await controlPlane());
  onTestFinished(() => on.stop());
  const { backlog, told } = follow(on.admin, [on.signerName]);
  await ask(on, `${on.namespace}-web`, on.signerName);
  await until('it waits', async () => backlog.size() === 1);
  told.length = 0;
  backlog.follow(new Set());
  expect(told).toEqual(['gone']);
  expect(backlog.size()).toBe(0);
});

function follow(client: KubeClient, signerNames: readonly string[]): { backlog: Backlog; told: string[] } {
  const told: string[] = [];
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const backlog = createBacklog({
    client,
    log: pino({ enabled: false }),
    onRequest: () => told.push('waits'),
    onGone: () => told.push('gone'),
    signal: ending.signal,
  });
  backlog.follow(new Set(signerNames));
  return { backlog, told };
}

/** One whose watch of this signer name can be made to say nothing for a while, as when its connection is slow. */
function lateWatch(client: KubeClient, signerName: string) {
  let held = Promise.withResolvers<void>();
  held.resolve();
  const openWatch: KubeClient['openWatch'] = async (resource, options, query) => {
    const response = await client.openWatch(resource, options, query);
    if (options.fieldSelector !== `spec.signerName=${signerName}`) return response;
    async function* late(): AsyncGenerator<Buffer> {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        await held.promise;
        yield chunk;
      }
    }
    return Object.assign(Readable.from(late()), { headers: response.headers }) as unknown as IncomingMessage;
  };
  return {
    client: { ...client, openWatch },
    hold: () => {
      held = Promise.withResolvers();
    },
    release: () => held.resolve(),
  };
}

async function ask(on: Installation, name: string, signerName: string): Promise<void> {
  const request = Buffer.from(opensslRequest()).toString('base64');
  const spec = { request, signerName, usages: ['digital signature', 'client auth'] };
  await on.admin.create<CertificateSigningRequest>(certificateSigningRequests, { metadata: { name }, spec });
  await approveDirectly(on, name);
}
