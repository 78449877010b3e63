import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { BundleControllerOptions } from '#bundles/controller.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps } from '#kube/resource.ts';
import { apply } from './permissions.ts';
import { eventually, type Publisher, startPublisher, trustBundle } from './publisher.ts';
import { makeRoot, pem } from './roots.ts';
import { known, type OpenScene } from './scene.ts';

type TargetSpec = TrustBundle['spec']['targets'][number];

/** What tests of targets in namespaces do again and again; the namespaces of a test have its label. */
export function placementsOf(scene: OpenScene) {
  const { kubectl } = scene;

  function start(domains: readonly string[], more: Partial<BundleControllerOptions> = {}): Publisher {
    const publisher = startPublisher(scene.client, {
      sources: { namespace: scene.sources, directory: scene.directory },
      handles: ({ spec }) => domains.includes(spec.trustDomain),
      ...more,
    });
    onTestFinished(() => publisher.stop());
    return publisher;
  }

  async function namespace(name: string, labels: Record<string, string> = {}): Promise<void> {
    await apply(kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  }

  /** Namespaces `<test>-<n>` with the label `test=<test>`. */
  async function namespaces(test: string, count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, index) => `${test}-${index}`);
    const items = names.map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { test } },
    }));
    await apply(kubectl, { apiVersion: 'v1', kind: 'List', items });
    return names;
  }

  const selector = (test: string) => ({ matchLabels: { test } });

  /** A ConfigMap target `roots` in the namespaces of a test. */
  const target = (test: string, more: Partial<NonNullable<TargetSpec['configMap']>> = {}): TargetSpec => ({
    configMap: { name: 'roots', namespaceSelector: selector(test), ...more },
  });

  async function bundle(publisher: Publisher, domain: string, targets: TargetSpec[], root?: Buffer) {
    const own = root ?? (await makeRoot({ subject: `CN=${domain}` }));
    publisher.setAuthority(domain, known(domain, own));
    await apply(kubectl, trustBundle(domain, [domain], { targets }));
    return own;
  }

  const configMap = (where: string, name = 'roots') =>
    scene.client.get<ConfigMap>(configMaps, name, { namespace: where });

  async function untilHolds(names: readonly string[], ...roots: Buffer[]): Promise<void> {
    const wanted = roots.map((root) => pem(root)).toSorted();
    await eventually(async () => {
      for (const name of names) {
        const { data } = await configMap(name);
        const blocks = data?.['ca.crt']?.split(/(?<=-----END CERTIFICATE-----\n)/).toSorted();
        expect(blocks).toEqual(wanted);
      }
      return true;
    });
  }

  const untilReady = (domain: string) => scene.untilCondition(domain, 'Ready', { status: 'True' });

  const targetStatus = async (domain: string, name = 'roots') =>
    (await scene.bundleOf(domain)).status?.targets?.find((one) => one.name === name);

  async function untilTarget(domain: string, wanted: Record<string, unknown>, name = 'roots') {
    return eventually(async () => {
      const status = await targetStatus(domain, name);
      expect(status).toMatchObject(wanted);
      return status;
    });
  }

  /** Requests of the service account since `from`, a position in the audit log. */
  function audited(from: number, user: string): readonly Audited[] {
    return readFileSync(scene.server.auditLog)
      .subarray(from)
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Audited)
      .filter((event) => event.user.username === user);
  }

  const auditPosition = (): number => readFileSync(scene.server.auditLog).length;

  return {
    start,
    namespace,
    namespaces,
    selector,
    target,
    bundle,
    configMap,
    untilHolds,
    untilReady,
    targetStatus,
    untilTarget,
    audited,
    auditPosition,
  };
}

interface Audited {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly responseStatus?: { readonly code: number };
}

export type PlacementScene = ReturnType<typeof placementsOf>;
