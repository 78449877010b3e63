import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ignoreNotFound } from '#kube/error.ts';
import type { AnyObject, ClusterTrustBundle, ConfigMap, Secret } from '#kube/object.ts';
import { clusterTrustBundles, configMaps, namespaces, secrets, trustBundles } from '#kube/resource.ts';
import type { StepName } from '#step.ts';
import type { Installation } from '../support/installation.ts';
import type { Placed } from './evidence.ts';

/** What an operator asks for beside the ClusterTrustBundle. */
export type PlacedKind = 'configMap' | 'secretAndFile';

/** Rights that are installed for it. */
export const componentsFor: Readonly<Record<PlacedKind, readonly string[]>> = {
  configMap: ['configmap-targets', 'clustertrustbundle-deletion', 'configmap-deletion'],
  secretAndFile: ['secret-targets', 'clustertrustbundle-deletion', 'secret-deletion'],
};

/** Targets other than the ClusterTrustBundle, and what becomes of them. */
export interface PlacedTargets {
  /** What an operator, or somebody who takes things away, does so that the step is reached at all. */
  change(step: StepName): Promise<void>;
  /** All hold what is published, or all that left the specification are gone. */
  arrived(): Promise<boolean>;
  evidence(): Placed | undefined;
}

/** Creates the TrustBundle, of which the authority becomes the source. */
export async function askForTargets(on: Installation, kind: PlacedKind): Promise<PlacedTargets> {
  const { admin, trustDomain, signerName } = on;
  const namespace = `${on.namespace}-placed`;
  const directory = join(on.directory, 'targets');
  const name = `mangrove-trust-${trustDomain}`;
  // Of the TrustBundles of all installations on the server one alone may name it.
  const fileName = `${trustDomain}.pem`;
  let withdrawn = false;
  let deletions = 0;

  const object = async (): Promise<string | undefined> => {
    if (kind === 'configMap')
      return (await found(admin.get<ConfigMap>(configMaps, name, { namespace })))?.data?.['ca.crt'];
    const secret = await found(admin.get<Secret>(secrets, name, { namespace }));
    return secret && Buffer.from(secret.data?.['ca.crt'] ?? '', 'base64').toString();
  };

  const files = (): string[] => readdirSync(directory);

  function file(): string | undefined {
    return files().includes(fileName) ? readFileSync(join(directory, fileName), 'utf8') : undefined;
  }

  const patch = async (spec: object): Promise<void> =>
    void (await admin.patch(trustBundles, { name: trustDomain }, { spec }));

  /** Somebody takes away what is to be written again. */
  async function lose(step: StepName): Promise<void> {
    if (step.startsWith('publish/')) rmSync(join(directory, fileName), { force: true });
    if (!step.startsWith('place/') || (await object()) === undefined) return;
    await admin.delete(secrets, name, { namespace });
    deletions += 1;
  }

  mkdirSync(directory, { recursive: true });
  await admin.create(namespaces, { metadata: { name: namespace } });
  await admin.create<AnyObject & { readonly spec: object }>(
    trustBundles,
    trustBundleOf(on, targetsOf(kind, { name, namespace, fileName })),
  );

  return {
    async change(step) {
      if (kind === 'secretAndFile') await lose(step);
      if (step === 'removal/release') await patch({ deletionPolicy: 'Retain' });
      if (step !== 'removal/delete') return;
      withdrawn = true;
      await patch({ deletionPolicy: 'Delete', targets: [{ clusterTrustBundle: { signerName } }] });
    },
    async arrived() {
      const held = [await object(), ...(kind === 'secretAndFile' ? [file()] : [])];
      const wanted = withdrawn ? undefined : await publishedText(on);
      return held.every((text) => text === wanted);
    },
    evidence() {
      if (kind === 'configMap') return undefined;
      return { namespace, deletions: deletions + Number(withdrawn), withdrawn, file: file(), files: files() };
    },
  };
}

function targetsOf(
  kind: PlacedKind,
  {
    name,
    namespace,
    fileName,
  }: { readonly name: string; readonly namespace: string; readonly fileName: string },
): readonly object[] {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  return kind === 'configMap'
    ? [{ configMap: { namespaceSelector } }]
    : [{ secret: { name, namespaceSelector } }, { file: { name: fileName } }];
}

function trustBundleOf({ authority, signerName, trustDomain }: Installation, targets: readonly object[]) {
  return {
    metadata: { name: trustDomain },
    spec: {
      trustDomain,
      sources: [{ authority: { name: authority } }],
      targets: [{ clusterTrustBundle: { signerName } }, ...targets],
      deletionPolicy: 'Delete',
    },
  };
}

async function publishedText({ admin, signerName, trustDomain }: Installation): Promise<string> {
  const name = `${signerName.replace('/', ':')}:${trustDomain}`;
  const { spec } = await admin.get<ClusterTrustBundle>(clusterTrustBundles, name);
  return spec.trustBundle;
}

async function found<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch<undefined>(ignoreNotFound);
}
