import { expect, it } from 'vitest';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import { type Hold, held, isKeptFor, mayHaveWritten } from '#bundles/controller/finalizer.ts';
import type { KubeClient } from '#kube/client.ts';
import { KubeError } from '#kube/error.ts';
import type { AnyObject } from '#kube/object.ts';
import { adminClient, testSignal } from '../../kube/lab.ts';
import { placedEntry } from '../support/fake-cluster.ts';

type Told = NonNullable<NonNullable<TrustBundle['status']>['targets']>[number];

const [targets, configMaps, secrets, fallback] = [
  'targets',
  'configmap-targets',
  'secret-targets',
  'fallback-targets',
].map((name) => `mangrove.dev/${name}`) as [string, string, string, string];
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
async function heldBy(object: TrustBundle, ...next: Hold[]): Promise<readonly string[]> {
  return heldWith(async () => ({ items: [] }), object, next);
}

/** @param list of ConfigMaps that stand */
async function heldWith(
  list: () => Promise<{ readonly items: readonly AnyObject[] }>,
  object: TrustBundle,
  next: readonly Hold[] = [],
): Promise<readonly string[]> {
  const update = async (_resource: unknown, changed: AnyObject): Promise<AnyObject> => changed;
  const client: KubeClient = Object.assign(Object.create(await adminClient()), { update, list });
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

it('a TrustBundle of which ConfigMaps stand is kept for them, also when its status was lost, and when they cannot be seen', async () => {
  const lost = bundle([targets, configMaps], [clusterTrustBundle], []);
  const standing =
    (annotations: Readonly<Record<string, string>>, more: object = {}) =>
    async () => ({
      items: [{ metadata: { name: 'roots', namespace: 'web', annotations, ...more } }],
    });
  const ours = { 'mangrove.dev/trust-bundle': 'east.test' };
  expect(await heldWith(standing(ours), lost)).toEqual([targets, configMaps]);
  expect(await heldWith(standing({}), lost)).toEqual([targets]);
  expect(await heldWith(standing(ours, { deletionTimestamp: '2026-01-01T00:00:00Z' }), lost)).toEqual([
    targets,
  ]);
  const refused = async () => Promise.reject(new KubeError('KUBE_FORBIDDEN', 'no'));
  expect(await heldWith(refused, lost)).toEqual([targets, configMaps]);
});

it('something may have been written of a kind that it is not kept for, when the status has seen it', () => {
  const seen = (told: Partial<Told>) =>
    bundle([targets], [], [{ kind: 'configMap', name: 'roots', ...told }]);
  expect(mayHaveWritten(seen({ hash }), 'configMap')).toBe(true);
  expect(mayHaveWritten(seen({ hash }), 'secret')).toBe(false);
  expect(mayHaveWritten(seen({}), 'configMap')).toBe(false);
  expect(mayHaveWritten(bundle([targets, configMaps], [], []), 'configMap')).toBe(true);
});

it('a TrustBundle is kept for a fallback once that comes next or was seen, and as long as for any ConfigMap', async () => {
  const told = { kind: 'configMap', name: 'roots', fallback: true };
  const own = [clusterTrustBundle, configMap];
  expect(await heldBy(bundle([targets, configMaps], own, [told]))).toEqual([targets, configMaps]);
  expect(await heldBy(bundle([targets, configMaps], own, [{ ...told, hash }]))).toContain(fallback);
  expect(await heldBy(bundle([targets], [clusterTrustBundle], [told]), 'fallback')).toEqual([
    targets,
    configMaps,
    fallback,
  ]);
  expect(await heldBy(bundle([targets, configMaps, fallback], own, []))).toContain(fallback);
  expect(await heldBy(bundle([targets, configMaps, fallback], [clusterTrustBundle], []))).toEqual([targets]);
  expect(isKeptFor(bundle([targets, fallback], own, []), 'fallback')).toBe(false);
});
