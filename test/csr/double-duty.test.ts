import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { parseCertificate } from '#x509/certificate.ts';
import { parsePem } from '#x509/pem.ts';
import { answer, type Fault, faultProxy } from '../kube/fault-proxy.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install, until } from '../support/installation.ts';
import { callerOf } from '../support/lease-apart.ts';
import { answered, askMany, chainOf, type Requester, requester } from './support/requester.ts';

/** Nobody hears of anybody else: each replica takes all requests for its own. */
const alone: Fault = (request, response, forward) => {
  const url = new URL(request.url ?? '', 'https://x');
  if (!url.pathname.endsWith('/leases') || request.method !== 'GET') return forward();
  if (url.searchParams.has('watch')) {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    return;
  }
  const list = { kind: 'LeaseList', apiVersion: 'coordination.k8s.io/v1' };
  answer(response, 200, { ...list, metadata: { resourceVersion: '1' }, items: [] });
};

/** Lets answers to a request through only when both replicas have sent one. */
function together(): { readonly fault: Fault; readonly senders: () => ReadonlySet<string> } {
  const sent = new Map<string, () => void>();
  const isAnswer = ({ method, url = '' }: IncomingMessage): boolean =>
    method === 'PUT' && /\/certificatesigningrequests\/[^/]+\/status/.test(url);
  return {
    fault(request, response, forward) {
      const caller = callerOf(request);
      if (!isAnswer(request) || caller === undefined || sent.size === 2)
        return alone(request, response, forward);
      sent.set(caller, forward);
      if (sent.size === 2) for (const go of sent.values()) go();
    },
    senders: () => new Set(sent.keys()),
  };
}

async function recorded(on: Installation, ordinal: number, { spiffeId }: Requester) {
  const ledger = await openSqliteLedger({ path: join(on.directory, `mangrove-${ordinal}.db`) });
  try {
    return await ledger.findByIdentity(spiffeId);
  } finally {
    await ledger.close();
  }
}

test('two replicas that both sign one request deliver one certificate, and each knows of its own', async () => {
  const proxy = await faultProxy();
  proxy.setFault(alone);
  const server = { ...(await controlPlane()), server: proxy.url, certificateAuthority: proxy.certificate };
  const on = await install(server);
  try {
    await on.createAuthority();
    const replicas = await Promise.all([on.start(0), on.start(1)]);
    await on.readyAuthority();
    for (const { health } of replicas) {
      const url = `http://127.0.0.1:${health.port}/readyz`;
      await until('it is ready', async () => (await fetch(url)).status === 200);
    }
    const web = await requester(on, 'web');
    const both = together();
    proxy.setFault(both.fault);
    const [name = ''] = await askMany(web, on, 1);
    const first = await answered(on, name);
    expect(both.senders()).toEqual(new Set(['mangrove-0', 'mangrove-1']));
    for (const replica of replicas) await replica.stop();
    // The other one's answer came too late for ever.
    const last = await answered(on, name);
    expect(last.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const [leaf = Buffer.alloc(0), , ...more] = parsePem(chainOf(last), 'CERTIFICATE');
    expect(more).toEqual([]);
    const entries = [await recorded(on, 0, web), await recorded(on, 1, web)];
    expect(entries.map((each) => each.map(({ intent }) => intent.requestUid))).toEqual([
      [last.metadata.uid],
      [last.metadata.uid],
    ]);
    const serials = new Set(entries.flat().map(({ intent }) => intent.serial));
    expect(serials.size).toBe(2);
    expect(serials).toContain(parseCertificate(leaf).serial.toString('hex'));
  } finally {
    await on.stop();
  }
});
