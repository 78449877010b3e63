import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import type { Step } from '#step.ts';
import { kubectlFor, type OwnControlPlane, ownControlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { answered, askMany, type Requester, requester } from './support/requester.ts';

/** A server of its own, for so many writes drive out what others want to watch from. */
let own: OwnControlPlane;
let on: Installation;
let looping: Requester;
let web: Requester;
beforeAll(async () => {
  own = await ownControlPlane();
});
beforeEach(async () => {
  const { cluster, directory } = own;
  on = await install({ ...cluster, server: cluster.url, directory, kubectl: kubectlFor(cluster) });
  await on.createAuthority();
  looping = await requester(on, 'looping');
  web = await requester(on, 'web');
});
afterEach(() => on.stop());
afterAll(() => own?.stop());

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

/** What a replica has under way, from the intent to sign until the answer is written. */
interface Crowd {
  readonly step: Step;
  /** At once, at most. */
  readonly most: () => number;
  /** Certificates, delivered or not. */
  readonly signed: () => number;
}

function crowd(): Crowd {
  let present = 0;
  let most = 0;
  let signed = 0;
  return {
    step(name) {
      if (name === 'issue/intent') most = Math.max(most, ++present);
      if (name === 'issue/result') signed += 1;
      if (name === 'answer/tell') present -= 1;
    },
    most: () => most,
    signed: () => signed,
  };
}

test('2,000 requests at once are all answered, nothing is signed twice, and one that asks in a loop keeps nobody else waiting', {
  timeout: 180_000,
}, async () => {
  // The loop comes first with all of its requests, and nobody is there to answer them yet.
  await askMany(looping, on, 2_000);
  const others = await askMany(web, on, 3);
  const { step, most, signed } = crowd();
  await on.start(0, { step });
  // Looking at all of them costs the server as much as some hundred answers.
  await until('most are signed', async () => signed() > 1_900);
  const all = await allAnswered(2_003);
  expect(signed()).toBe(2_003);
  const positions = others.map((name) => all.findIndex(({ metadata }) => metadata.name === name));
  // Three turns of two lanes, behind what 192 workers had begun before.
  for (const position of positions) expect(position).toBeLessThan(240);
  // Not one after the other: while some wait for the disk or for the server, others are worked on.
  expect(most()).toBeGreaterThan(32);
});

test('one that goes on asking in a loop does not keep a single request of somebody else waiting behind all of its own', async () => {
  const waiting = await askMany(looping, on, 800);
  let asked = waiting.length;
  const over = new AbortController();
  const loop = (async () => {
    while (!over.signal.aborted) asked += (await askMany(looping, on, 20)).length;
  })();
  await on.start();
  // In the midst of it: some of the first were answered.
  await Promise.race(waiting.slice(0, 8).map((name) => answered(on, name)));
  const [name = ''] = await askMany(web, on, 1);
  const approved = await on.admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
  const single = await answered(on, name);
  const before = asked;
  await until('the loop goes on', async () => asked > before);
  over.abort();
  await loop;
  const all = await allAnswered(asked + 1);
  const between = all.filter((one) => revision(one) > revision(approved) && revision(one) < revision(single));
  // What the workers had begun before, and what was answered while it came here. The loop has far more than that waiting.
  expect(between.length).toBeLessThan(400);
});
