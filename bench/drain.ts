import { setTimeout as sleep } from 'node:timers/promises';
import { withoutManagedFields } from '#csr/signing-request/controller/backlog.ts';
import { withCertificate } from '#csr/signing-request/signing-request.ts';
import type { KubeClient } from '#kube/client.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';
import { opensslRequest } from '../test/csr/support/requester.ts';
import type { Installation } from '../test/support/installation.ts';
import type { Benchmark, OpenBenchmark } from './benchmark.ts';
import { type BenchControlPlane, benchControlPlane } from './control-plane.ts';
import { forAll } from './in-flight.ts';
import { apart, apartHindrance } from './processors.ts';
import { replicas } from './replica.ts';

const requests = 2_000;
const writers = 32;
const seenMs = 500;

/** Server and replica share the processors: what the replica uses, the server lacks. */
export const drain = drainOf({
  name: 'drain',
  does: `${requests} approved CertificateSigningRequests that wait are answered: identity, ledger, signature, status`,
  against: 'the same API server takes the same status writes, by the same account, from a bare loop of 32',
  start: () => benchControlPlane(),
});

/** API server and etcd have a processor of their own, as on the machines of a control plane: is the server kept busy? */
export const drainApart = drainOf({
  name: 'drain-apart',
  does: `${requests} approved CertificateSigningRequests are answered, with API server and etcd on one processor, and the replica on another`,
  against:
    'the same API server on its processor takes the same status writes from a bare loop of 32 on the other',
  hindrance: apartHindrance,
  start: () => apart(() => benchControlPlane()),
});

interface DrainOptions extends Pick<Benchmark, 'name' | 'does' | 'against' | 'hindrance'> {
  readonly start: () => Promise<BenchControlPlane>;
}

function drainOf({ start, ...texts }: DrainOptions): Benchmark {
  return {
    ...texts,
    unit: 'certificates per second',
    target: 0.8,
    quick: false,
    pinned: false,
    rounds: 11,
    // A minute: V8 compiles what is hot, and again when it has seen the first bookmark, and the first connection that closed.
    warmUpRounds: 8,
    open: async () => openDrain(await start()),
  };
}

async function openDrain({ on, collect, close }: BenchControlPlane): Promise<OpenBenchmark> {
  await on.createAuthority();
  const replica = (await replicas(on))();
  await replica.ready();
  const account = `--serviceaccount=${on.namespace}:load`;
  await on.kubectl(['create', 'serviceaccount', 'load', '--namespace', on.namespace]);
  await on.kubectl(['create', 'clusterrolebinding', 'load', '--clusterrole=cluster-admin', account]);
  const load = on.client(await tokenOf(on, 'load'));
  const nobody = `${on.namespace}.test/nobody`;
  await allowSigning(on, nobody);
  const signer = on.client(await tokenOf(on, 'mangrove'));
  const chain = await someChain(on, load);

  async function issued(): Promise<number> {
    const text = await replica.metrics();
    return Number(/^mangrove_issuance_total\{.*outcome="issued".*\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  return {
    async round() {
      const before = await issued();
      const made = await makeRequests(load, on.signerName);
      // It has seen them all, as it has in life when somebody approves them. Nobody answers until all are approved: what is
      // measured is the drain alone.
      await sleep(seenMs);
      replica.signal('SIGSTOP');
      await approve(on, made);
      await collect();
      const started = performance.now();
      replica.signal('SIGCONT');
      for (let left = requests; left > 0; left = before + requests - (await issued())) {
        // Looks get closer towards the end: each one costs the replica time.
        await sleep(Math.max(5, left / 2));
      }
      const rate = (requests * 1000) / (performance.now() - started);
      await remove(load, made);
      return { rate, latencies: [] };
    },
    async floor() {
      const approved = await approve(on, await makeRequests(load, nobody));
      // As the product holds them.
      const waiting = approved.map((request) => withoutManagedFields(request));
      // A collection costs 0.8 s of CPU, as much as 500 writes: both begin at the same distance from the next.
      await collect();
      const started = performance.now();
      await forAll(writers, waiting, (request) =>
        signer.updateStatus(certificateSigningRequests, withCertificate(request, chain), {
          metadataOnly: true,
        }),
      );
      const rate = (requests * 1000) / (performance.now() - started);
      await remove(load, waiting);
      return rate;
    },
    resident: () => replica.residentBytes(),
    async close() {
      await replica.stop();
      await close();
    },
  };
}

async function tokenOf(on: Installation, serviceAccount: string): Promise<string> {
  return (await on.kubectl(['create', 'token', serviceAccount, '--namespace', on.namespace])).trim();
}

/** To the product's account: the bare loop is judged, and queued, by the API server as the product is. */
async function allowSigning(on: Installation, signerName: string): Promise<void> {
  const name = `nobody-${on.namespace}`;
  const rules = [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      verbs: ['sign'],
      resourceNames: [signerName],
    },
  ];
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
  await on.kubectl(['create', '-f', '-'], { input: JSON.stringify(role) });
  const account = `--serviceaccount=${on.namespace}:mangrove`;
  await on.kubectl(['create', 'clusterrolebinding', name, `--clusterrole=${name}`, account]);
}

let made = 0;

async function makeRequests(
  load: KubeClient,
  signerName: string,
  count = requests,
): Promise<CertificateSigningRequest[]> {
  const request = Buffer.from(opensslRequest()).toString('base64');
  const usages = ['digital signature', 'server auth', 'client auth'];
  const names = Array.from({ length: count }, () => `load-${(made += 1)}`);
  return forAll(writers, names, (name) => {
    const spec = { request, signerName, usages };
    return load.create<CertificateSigningRequest>(certificateSigningRequests, { metadata: { name }, spec });
  });
}

/** The same requests as they are after that. */
function approve(
  on: Installation,
  waiting: readonly CertificateSigningRequest[],
): Promise<CertificateSigningRequest[]> {
  const approved = { type: 'Approved', status: 'True', reason: 'Bench', message: 'by a benchmark' } as const;
  return forAll(writers, waiting, (request) => {
    const status = { conditions: [approved] };
    return on.admin.update(certificateSigningRequests, { ...request, status }, { subresource: 'approval' });
  });
}

/** One that the product wrote: the bare loop writes the very same bytes. */
async function someChain(on: Installation, load: KubeClient): Promise<string> {
  const [made] = await approve(on, await makeRequests(load, on.signerName, 1));
  for (;;) {
    const { status } = await load.get<CertificateSigningRequest>(
      certificateSigningRequests,
      made?.metadata.name ?? '',
    );
    if (status?.certificate !== undefined) return Buffer.from(status.certificate, 'base64').toString();
    await sleep(100);
  }
}

/** Each round finds the server as the one before did. */
function remove(load: KubeClient, made: readonly CertificateSigningRequest[]): Promise<unknown> {
  return forAll(writers, made, ({ metadata }) => load.delete(certificateSigningRequests, metadata.name));
}
