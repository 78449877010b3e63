import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '#kube/client.ts';
import { loadCredentials } from '#kube/credentials.ts';
import { objectPath, type Resource } from '#kube/resource.ts';
import { controlPlane } from '../support/control-plane.ts';

export const configMapsResource: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

export const namespaces: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

export const silent = pino({ level: 'silent' });

/** A logger and what was logged through it. */
export function recordingLog(): { readonly log: typeof silent; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { log, lines };
}

/** A client of the shared control plane, as a user in system:masters, closed when the test ends. */
export async function adminClient(options: Partial<KubeClientOptions> = {}): Promise<KubeClient> {
  const { kubeconfig } = await controlPlane();
  return clientOf({ credentials: loadCredentials({ kubeconfig }), ...options });
}

export function clientOf(
  options: Partial<KubeClientOptions> & Pick<KubeClientOptions, 'credentials'>,
): KubeClient {
  const client = createKubeClient({ log: silent, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A signal that aborts when the test ends. */
export function testSignal(): AbortSignal {
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  return controller.signal;
}

let counter = 0;

export function uniqueName(prefix: string): string {
  counter++;
  return `${prefix}-${process.pid}-${counter}-${Date.now().toString(36)}`;
}

/** A namespace of the test's own. It stays: nothing in these clusters finishes a deletion. */
export async function ownNamespace(client: KubeClient): Promise<string> {
  const name = uniqueName('kube');
  await client.create(namespaces, { metadata: { name } });
  return name;
}

export function configMap(namespace: string, name: string, data: Record<string, string> = {}) {
  return { metadata: { namespace, name }, data };
}

export function pathOf(namespace: string, name?: string): string {
  return objectPath(configMapsResource, namespace, name);
}

/** Waits until `holds`, however long that takes; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
