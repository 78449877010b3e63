import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import {
  type BundleController,
  type BundleControllerOptions,
  startBundleController,
} from '#bundles/controller.ts';
import type { AuthorityAnchors } from '#bundles/source/authority.ts';
import { createKubeClient, type KubeClient } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import { createEventRecorder } from '#kube/event.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import type { Kubectl } from '#sandbox/kubectl.ts';

export interface Server {
  readonly url: string;
  readonly certificateAuthority: string;
  /** Scratch directory. */
  readonly directory: string;
  readonly kubectl: Kubectl;
}

let clients = 0;

export function clientOf(server: Server, token: string): KubeClient {
  clients += 1;
  const kubeconfig = join(server.directory, `bundles-${process.pid}-${clients}.kubeconfig`);
  const { url, certificateAuthority } = server;
  const entry = { name: 'test', server: url, certificateAuthority, user: { token } };
  writeFileSync(kubeconfig, kubeconfigYaml([entry]));
  return createKubeClient({ credentials: loadCredentials({ kubeconfig }), log });
}

const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });

export interface Publisher {
  readonly controller: BundleController;
  /** What ca/ would say of each CertificateAuthority; absent ones are not there. */
  readonly authorities: Map<string, AuthorityAnchors>;
  leading: boolean;
  /** Says what an authority publishes, and that it changed. */
  setAuthority(name: string, found: AuthorityAnchors): void;
  stop(): Promise<void>;
}

/** The controller as main starts it, on a real API server, with authorities by the test. */
export function startPublisher(
  client: KubeClient,
  options: Partial<BundleControllerOptions> & Pick<BundleControllerOptions, 'handles'>,
): Publisher {
  const authorities = new Map<string, AuthorityAnchors>();
  const stop = new AbortController();
  const events = createEventRecorder({ client, instance: 'test-0', log, signal: stop.signal });
  const controller = startBundleController({
    client,
    sources: { namespace: 'mangrove-trust', directory: '/nowhere' },
    authorityAnchors: (name) => authorities.get(name) ?? { state: 'absent' },
    isLeader: () => publisher.leading,
    events,
    log,
    signal: stop.signal,
    ...options,
    // Nobody has led before, unless a test is about that.
    timing: { discoveryMs: 1_000, absentMs: 500, recheckMs: 100, landingMs: 0, ...options.timing },
  });
  const publisher: Publisher = {
    controller,
    authorities,
    leading: true,
    setAuthority(name, found) {
      authorities.set(name, found);
      controller.authorityChanged(name);
    },
    async stop() {
      await events.flushed();
      stop.abort();
      await controller.done;
    },
  };
  return publisher;
}

/** Waits until `look` neither throws nor gives undefined or false; throws what it last threw when it never does. */
export async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 45_000;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      throw new Error('not seen yet');
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(50);
  }
}

export function trustBundle(
  name: string,
  authorities: readonly string[],
  more: Partial<TrustBundle['spec']> = {},
) {
  return {
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'TrustBundle',
    metadata: { name },
    spec: {
      trustDomain: name,
      sources: authorities.map((authority) => ({ authority: { name: authority } })),
      targets: [{ clusterTrustBundle: { signerName: signerOf(name) } }],
      ...more,
    },
  };
}

/** Each trust domain has a signer name of its own, as two of them may not share one. */
export const signerOf = (trustDomain: string): string => `bundles.test/${trustDomain}`;

export function conditionOf(bundle: TrustBundle, type: string) {
  return bundle.status?.conditions?.find((condition) => condition.type === type);
}
