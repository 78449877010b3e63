import { selects } from '#bundles/bundle/label-selector.ts';
import {
  configMapObject,
  describePlace,
  type ReadObject,
  readPlaced,
} from '#bundles/controller/placement/read.ts';
import { formats } from '#bundles/format/format.ts';
import { kindNames, type PlacementTarget } from '#bundles/target/named-target.ts';
import { requireOwned } from '#bundles/target/ownership.ts';
import { errorMessage, MangroveError } from '#errors/error.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ConfigMap } from '#kube/object.ts';
import { configMaps, namespaces } from '#kube/resource.ts';

export interface PlacedQuestion {
  readonly client: KubeClient;
  readonly target: PlacementTarget;
  /** Name of the TrustBundle. */
  readonly owner: string;
  readonly trustDomain: string;
  /** Fingerprint, hex. */
  readonly anchor: string;
  /** Where nothing of anybody's is ever placed. */
  readonly reserved: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface PlacedEvidence {
  /** Selected namespaces. */
  readonly namespaces: number;
  /** Why one of them does not bring the anchor to workloads; undefined when all do. */
  readonly error: MangroveError | undefined;
}

const mostPerPage = 16;
const secretsAtOnce = 8;

/**
 * Whether the anchor is in every selected namespace, by consistent reads: ConfigMaps by pages of their name, each let go once it was looked at.
 * Throws KubeError.
 */
export async function examinePlaced(question: PlacedQuestion): Promise<PlacedEvidence> {
  const selected = await selectedNamespaces(question);
  const missing = new Map<string, string>([...selected].map((name) => [name, 'there is none']));
  const look = (namespace: string, object: ReadObject | undefined): void => {
    const objection = object === undefined ? 'there is none' : objectionTo(object, question);
    if (objection === undefined) missing.delete(namespace);
    else missing.set(namespace, objection);
  };
  if (question.target.kind === 'configMap') await readConfigMaps(question, selected, look);
  else await readSecrets(question, selected, look);
  return { namespaces: selected.size, error: evidenceAgainst(missing, selected.size, question) };
}

/** Of a target in namespaces, by a consistent read. Throws KubeError. */
export async function selectedNamespaces({
  client,
  target,
  reserved,
  signal,
}: Pick<PlacedQuestion, 'client' | 'target' | 'reserved' | 'signal'>): Promise<Set<string>> {
  const { items } = await client.list(namespaces, { metadataOnly: true, signal });
  const selected = items.filter(
    ({ metadata: { name, labels, deletionTimestamp } }) =>
      deletionTimestamp === undefined &&
      !reserved.includes(name) &&
      selects(target.spec.namespaceSelector, labels),
  );
  return new Set(selected.map(({ metadata }) => metadata.name));
}

async function readConfigMaps(
  { client, target, signal }: PlacedQuestion,
  selected: ReadonlySet<string>,
  look: (namespace: string, object: ReadObject) => void,
): Promise<void> {
  const selection = { fieldSelector: `metadata.name=${target.name}`, limit: mostPerPage, signal };
  let next: string | undefined;
  do {
    const page = await client.listPage<ConfigMap>(configMaps, selection, next);
    for (const raw of page.items) {
      const { namespace = '' } = raw.metadata;
      if (selected.has(namespace)) look(namespace, configMapObject(raw));
    }
    next = page.next;
  } while (next !== undefined);
}

async function readSecrets(
  { client, target, signal }: PlacedQuestion,
  selected: ReadonlySet<string>,
  look: (namespace: string, object: ReadObject | undefined) => void,
): Promise<void> {
  const { kind, name, spec } = target;
  const keys = spec.keys.map(({ key }) => key);
  const waiting = [...selected];
  const work = async (): Promise<void> => {
    for (let namespace = waiting.pop(); namespace !== undefined; namespace = waiting.pop()) {
      look(namespace, await readPlaced(client, { kind, namespace, name }, keys, signal));
    }
  };
  await Promise.all(Array.from({ length: secretsAtOnce }, () => work()));
}

/** Why this object does not bring the anchor to workloads; undefined when it does. */
function objectionTo(object: ReadObject, question: PlacedQuestion): string | undefined {
  const { target, owner, trustDomain, anchor } = question;
  const { namespace = '', name } = object.metadata;
  try {
    const claimant = { name: owner, trustDomain, knownUid: undefined };
    requireOwned(object, claimant, describePlace({ kind: target.kind, namespace, name }));
  } catch (error) {
    return errorMessage(error);
  }
  const lacking = target.spec.keys.find(
    ({ key, format }) => formats[format].decode(object.data.get(key) ?? '')?.has(anchor) !== true,
  );
  return lacking === undefined ? undefined : `key ${lacking.key} does not hold it`;
}

function evidenceAgainst(
  missing: ReadonlyMap<string, string>,
  selected: number,
  { target, anchor }: PlacedQuestion,
): MangroveError | undefined {
  const [first] = [...missing].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (first === undefined) return undefined;
  const [namespace, why] = first;
  return new MangroveError(
    'BUNDLE_TARGET_ALTERED',
    `${kindNames[target.kind]} ${target.name}: ${missing.size} of ${selected} namespaces do not hold anchor ${anchor.slice(0, 8)}, such as ${namespace}: ${why}`,
  );
}
