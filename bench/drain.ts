import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '#kube/client.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { opensslRequest } from '../test/csr/support/requester.ts';
import type { Installation } from '../test/support/installation.ts';
import { startReplicaProcess } from '../test/support/replica-process.ts';
import type { Benchmark } from './benchmark.ts';
import { benchControlPlane } from './control-plane.ts';

const requests = 2_000;
const writers = 32;

export const drain: Benchmark = {
  name: 'drain',
  unit: 'certificates per second',
  does: `${requests} approved CertificateSigningRequests that wait are answered: identity, ledger, signature, status`,
  against: 'the same API server takes the same status writes from a bare loop of 32',
  target: 0.8,
  quick: false,
  pinned: false,
  rounds: 3,
  async open() {
    const { on, close } = await benchControlPlane();
    await on.createAuthority();
    const replica = await startReplicaProcess(on, 0);
    await on.readyAuthority();
    const account = `--serviceaccount=${on.namespace}:load`;
    await on.kubectl(['create', 'serviceaccount', 'load', '--namespace', on.namespace]);
    await on.kubectl(['create', 'clusterrolebinding', 'load', '--clusterrole=cluster-admin', account]);
    const token = await on.kubectl(['create', 'token', 'load', '--namespace', on.namespace]);
    const load = on.client(token.trim());

    async function issued(): Promise<number> {
      const text = await (await fetch(`http://127.0.0.1:${replica.port}/metrics`)).text();
      return Number(/^mangrove_issuance_total\{.*outcome="issued".*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    }

    return {
      async round() {
        const before = await issued();
        // Nobody answers while they are made: what is measured is the drain alone.
        replica.signal('SIGSTOP');
        await makeRequests(load, on, on.signerName);
        const started = performance.now();
        replica.signal('SIGCONT');
        while ((await issued()) < before + requests) await sleep(10);
        return { rate: (requests * 1000) / (performance.now() - started), latencies: [] };
      },
      async floor() {
        const waiting = await makeRequests(load, on, `${on.namespace}.test/nobody`);
        const certificate = await someCertificate(on);
        const started = performance.now();
        await forAll(waiting, async (request) => {
          const status = { ...request.status, certificate };
          await on.admin.updateStatus(certificateSigningRequests, { ...request, status });
        });
        return (requests * 1000) / (performance.now() - started);
      },
      async close() {
        await replica.kill();
        await close();
      },
    };
  },
};

let made = 0;

/** So many approved requests for a signer; as they are after that. */
async function makeRequests(
  load: KubeClient,
  on: Installation,
  signerName: string,
): Promise<CertificateSigningRequest[]> {
  const request = Buffer.from(opensslRequest()).toString('base64');
  const usages = ['digital signature', 'server auth', 'client auth'];
  const conditions = [
    { type: 'Approved', status: 'True', reason: 'Bench', message: 'by a benchmark' },
  ] as const;
  const names = Array.from({ length: requests }, () => `load-${(made += 1)}`);
  const approved: CertificateSigningRequest[] = [];
  await forAll(names, async (name) => {
    const spec = { request, signerName, usages };
    const created = await load.create<CertificateSigningRequest>(certificateSigningRequests, {
      metadata: { name },
      spec,
    });
    const status = { conditions: [...conditions] };
    approved.push(
      await on.admin.update(certificateSigningRequests, { ...created, status }, { subresource: 'approval' }),
    );
  });
  return approved;
}

/** A certificate that the product wrote: the bare loop writes the very same bytes. */
async function someCertificate(on: Installation): Promise<string> {
  for (;;) {
    const { items } = await on.admin.listPage<CertificateSigningRequest>(certificateSigningRequests, {
      fieldSelector: `spec.signerName=${on.signerName}`,
      limit: 1,
    });
    const certificate = items[0]?.status?.certificate;
    if (certificate !== undefined) return certificate;
    await sleep(100);
  }
}

async function forAll<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (const item of left) await task(item);
    }),
  );
}
