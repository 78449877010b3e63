import { expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { held, mayHaveWritten } from '#bundles/controller/finalizer.ts';
import type { PlacementKind } from '#bundles/target/named-target.ts';
import type { KubeClient } from '#kube/client.ts';
import type { AnyObject } from '#kube/object.ts';
import { adminClient, testSignal } from '../../kube/lab.ts';
import { placedEntry } from '../support/fake-cluster.ts';

type Told = NonNullable<NonNullable<TrustBundle['status']>['targets']>[number];

const [targets, configMaps, secrets] = ['targets', 'configmap-targets', 'secret-targets'].map(
  (name) => `mangrove.dev/${name}`,
) as [string, string, string];
const clusterTrustBundle = { clusterTrustBundle: { signerName: 'example.org/signer' } };
const configMap = { configMap: { name: 'roots', namespaceSelector: {} } };
const hash = 'a'.repeat(64);

function bundle(finalizers: readonly string[], named: TrustBundle['spec']['targets'], told: readonly Told[]) {
  const { object } = placedEntry('east.test');
  const spec = { ...object.spec, targets: named, deletionPolicy: 'Delete' } as const;
  const metadata = { ...object.metadata, finalizers: ['example.org/other', ...finalizers] };
  return { ...object, metadata, spec, status: { targets: [...told] } } as TrustBundle;
}

/** What it is held by then, somebody else's left out. */
async function heldBy(object: TrustBundle, ...next: PlacementKind[]): Promise<readonly string[]> {
  const update = async (_resource: unknown, changed: AnyObject): Promise<AnyObject> => changed;
  const client: KubeClient = Object.assign(Object.create(await adminClient()), { update });
  const { metadata } = await held(object, next, { client }, testSignal());
  const [other, ...ours] = metadata.finalizers ?? [];
  expect(other).toBe('example.org/other');
  return ours;
}

it('a TrustBundle is kept for a kind while specification, status or what comes next has a target of it', async () => {
  const all = [targets, configMaps, secrets];
  const secret = { kind: 'secret', name: 'roots' };
  expect(await heldBy(bundle(all, [clusterTrustBundle], []))).toEqual([targets]);
  expect(await heldBy(bundle(all, [clusterTrustBundle, configMap], []))).toEqual([targets, configMaps]);
  expect(await heldBy(bundle(all, [clusterTrustBundle], [secret]))).toEqual([targets, secrets]);
  expect(await heldBy(bundle([targets, configMaps], [clusterTrustBundle], []), 'secret')).toEqual([
    targets,
    secrets,
  ]);
});

it('something may have been written of a kind that it is not kept for, when the status has seen it', () => {
  const seen = (told: Partial<Told>) =>
    bundle([targets], [], [{ kind: 'configMap', name: 'roots', ...told }]);
  expect(mayHaveWritten(seen({ hash }), 'configMap')).toBe(true);
  expect(mayHaveWritten(seen({ hash }), 'secret')).toBe(false);
  expect(mayHaveWritten(seen({}), 'configMap')).toBe(false);
  expect(mayHaveWritten(bundle([targets, configMaps], [], []), 'configMap')).toBe(true);
});
