import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { askMany, type Requester, requester } from './support/requester.ts';

let on: Installation;
let looping: Requester;
let web: Requester;
beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
  looping = await requester(on, 'looping');
  web = await requester(on, 'web');
});
afterAll(() => on.stop());

/** All requests of this signer once each of them has a certificate, in the order in which they were answered. */
function allAnswered(count: number): Promise<CertificateSigningRequest[]> {
  return until(`${count} certificates`, async () => {
    const { items } = await on.admin.list<CertificateSigningRequest>(certificateSigningRequests, {
      fieldSelector: `spec.signerName=${on.signerName}`,
    });
    const issued = items.filter(({ status }) => status?.certificate !== undefined);
    // The answer was the last write to each: revisions of one etcd are in the order of the writes.
    return issued.length === count ? issued.toSorted((a, b) => revision(a) - revision(b)) : undefined;
  });
}

function revision({ metadata }: CertificateSigningRequest): number {
  return Number(metadata.resourceVersion);
}

test('200 requests at once are all answered, and one that asks in a loop keeps nobody else waiting', async () => {
  // The loop comes first with all of its requests, and nobody is there to answer them yet.
  await askMany(looping, on, 200);
  const others = await askMany(web, on, 3);
  await on.start();
  const answered = await allAnswered(203);
  const positions = others.map((name) => answered.findIndex(({ metadata }) => metadata.name === name));
  // Three turns of two lanes, behind what 128 workers had begun before.
  for (const position of positions) expect(position).toBeLessThan(176);
});
