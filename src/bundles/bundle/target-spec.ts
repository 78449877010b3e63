import { z } from 'zod';
import { labelSelectorFields } from '#bundles/bundle/label-selector.ts';
import { exactlyOne } from '#bundles/bundle/source-spec.ts';
import { matching, objectNameField, signerNameField } from '#errors/syntax.ts';
import { type Rule, withRules } from '#errors/validation.ts';

const clusterTrustBundleFields = z.object({
  name: withRules(z.string().min(1).max(825), [
    matching('^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$', 'must be the name of a ClusterTrustBundle'),
  ])
    .optional()
    .describe('Name of the object; made of the signer name, the trust domain and the channel when absent.'),
  signerName: signerNameField
    .optional()
    .describe('Signer name under which pods mount it; without one it can be mounted by name only.'),
  channel: z
    .enum(['live', 'canary'])
    .default('live')
    .describe('Value of the label mangrove.dev/channel, by which pods choose.'),
});

type ClusterTrustBundleFields = z.output<typeof clusterTrustBundleFields>;
const prefix = (signerName: string): string => `${signerName.replace('/', ':')}:`;

/** k8s.io/kubernetes pkg/apis/certificates/validation: the name of a bundle with a signer begins with the signer. */
const clusterTrustBundleRules: readonly Rule<ClusterTrustBundleFields>[] = [
  {
    cel: 'has(self.name) || has(self.signerName)',
    message: 'must have a name, a signerName or both',
    holds: ({ name, signerName }) => name !== undefined || signerName !== undefined,
  },
  {
    cel: "!has(self.name) || (has(self.signerName) ? self.name.startsWith(self.signerName.replace('/', ':') + ':') && !self.name.substring(self.signerName.size() + 1).contains(':') : !self.name.contains(':'))",
    message:
      "name must be the signerName with ':' for '/', then ':' and a DNS name; without signerName a DNS name alone",
    path: ['name'],
    holds: ({ name, signerName }) =>
      name === undefined ||
      (signerName === undefined
        ? !name.includes(':')
        : name.startsWith(prefix(signerName)) && !name.slice(prefix(signerName).length).includes(':')),
  },
];

const formatField = z
  .enum(['pem', 'jwks'])
  .default('pem')
  .describe('pem: PEM blocks of type CERTIFICATE; jwks: a bundle document of SPIFFE.');

/** k8s.io/apimachinery pkg/util/validation, IsConfigMapKey. */
const dataKeyField = withRules(z.string().min(1).max(253), [
  matching('^[-._a-zA-Z0-9]+$', 'must be a key: letters, digits, dots, dashes and underscores'),
  {
    cel: "self != '.' && !self.startsWith('..')",
    message: 'must be a key: not a dot, and nothing that begins with two',
    holds: (key) => key !== '.' && !key.startsWith('..'),
  },
]);

const keysField = withRules(
  z
    .array(z.object({ key: dataKeyField.describe('Key in data.'), format: formatField }))
    .min(1)
    .max(8)
    .default([{ key: 'ca.crt', format: 'pem' }]),
  [
    {
      cel: 'self.all(one, self.exists_one(other, other.key == one.key))',
      message: 'must not name a key twice',
      holds: (keys) => new Set(keys.map(({ key }) => key)).size === keys.length,
    },
  ],
).describe('What is written under which key.');

const ownPrefix = 'mangrove.dev/';
const ownLabel = 'app.kubernetes.io/managed-by';

/** What tells our objects from those of others must not be set by hand. */
const notOurs: Rule<Record<string, string>> = {
  cel: `!self.exists(key, key.startsWith('${ownPrefix}') || key == '${ownLabel}')`,
  message: `${ownPrefix}… and ${ownLabel} are set by Mangrove`,
  holds: (marks) => Object.keys(marks).every((key) => !key.startsWith(ownPrefix) && key !== ownLabel),
};

function marksField(maxValue: number) {
  return withRules(z.record(z.string(), z.string().max(maxValue)).meta({ maxProperties: 16 }), [
    notOurs,
  ]).optional();
}

const notOfKubernetes: Rule<string> = {
  cel: "self != 'kube-root-ca.crt'",
  message: 'kube-root-ca.crt belongs to Kubernetes, which would write it back: use another name',
  holds: (name) => name !== 'kube-root-ca.crt',
};

const placementFields = {
  namespaceSelector: labelSelectorFields.describe(
    'Labels of the namespaces that get the object; {} means every namespace.',
  ),
  keys: keysField,
  labels: marksField(63).describe('Labels that the object gets.'),
  annotations: marksField(4096).describe('Annotations that the object gets.'),
  adopt: z
    .boolean()
    .default(false)
    .describe(
      'True: an object of that name that somebody else made gets the keys, labels and annotations; what else is in it stays.',
    ),
};

const kinds = ['clusterTrustBundle', 'configMap', 'secret', 'file'] as const;
export type TargetKind = (typeof kinds)[number];

const targetFields = z.object({
  clusterTrustBundle: withRules(clusterTrustBundleFields, clusterTrustBundleRules)
    .optional()
    .describe('A ClusterTrustBundle, which the kubelet projects into pods.'),
  configMap: z
    .object({
      name: withRules(objectNameField(253, 'the name of a ConfigMap'), [notOfKubernetes])
        .optional()
        .describe('Name of the object; mangrove-trust- and the trust domain when absent.'),
      ...placementFields,
    })
    .optional()
    .describe('A ConfigMap in each selected namespace.'),
  secret: z
    .object({
      name: objectNameField(253, 'the name of a Secret').describe('Name of the object.'),
      ...placementFields,
    })
    .optional()
    .describe('A Secret in each selected namespace, for programs that read roots from nowhere else.'),
  file: z
    .object({
      name: objectNameField(200, 'the name of a file').describe(
        'Name of a file below targets.directory of the configuration of the controller.',
      ),
      format: formatField,
    })
    .optional()
    .describe('A file on the disk of the replica that publishes.'),
  required: z
    .boolean()
    .default(true)
    .describe('True: no authority signs with a root that this target was not seen to hold.'),
});

export const targetField = withRules(targetFields, [exactlyOne(kinds)]);

export type TargetSpec = z.output<typeof targetField>;
export type ClusterTrustBundleSpec = NonNullable<TargetSpec['clusterTrustBundle']>;
/** Of a ConfigMap, or of a Secret, which always says its name. */
export type PlacementSpec = NonNullable<TargetSpec['configMap']>;
export type FileSpec = NonNullable<TargetSpec['file']>;

/** What two targets of one kind must not have in common; the default name is not known here. */
function targetKey({ clusterTrustBundle, configMap, secret, file }: TargetSpec): string {
  if (clusterTrustBundle !== undefined) {
    const { name, signerName, channel } = clusterTrustBundle;
    return JSON.stringify(['clusterTrustBundle', name, signerName, channel]);
  }
  if (configMap !== undefined) return JSON.stringify(['configMap', configMap.name]);
  if (secret !== undefined) return JSON.stringify(['secret', secret.name]);
  return JSON.stringify(['file', file?.name]);
}

const namesOnce = (kind: 'secret' | 'file'): string =>
  `(!has(one.${kind}) || self.targets.exists_one(other, has(other.${kind}) && other.${kind}.name == one.${kind}.name))`;

/** One writer per object: two targets that are the same object would repair each other for ever. */
export const distinctTargets: Rule<{ targets: TargetSpec[] }> = {
  cel: `self.targets.all(one, ${[
    '(!has(one.clusterTrustBundle) || self.targets.exists_one(other, has(other.clusterTrustBundle) && other.clusterTrustBundle == one.clusterTrustBundle))',
    "(!has(one.configMap) || self.targets.exists_one(other, has(other.configMap) && (has(other.configMap.name) ? other.configMap.name : '') == (has(one.configMap.name) ? one.configMap.name : '')))",
    namesOnce('secret'),
    namesOnce('file'),
  ].join(' && ')})`,
  message: 'must not name a target twice',
  path: ['targets'],
  holds: ({ targets }) => new Set(targets.map(targetKey)).size === targets.length,
};

export const deletionPolicyField = z
  .enum(['Retain', 'Delete'])
  .default('Retain')
  .describe(
    'What becomes of a target that left the specification, of a namespace that is not selected any more, and of all targets when the TrustBundle is deleted.',
  );

export const fallbackField = z
  .object({
    mode: z
      .enum(['Auto', 'Always', 'Never'])
      .default('Auto')
      .describe(
        'Auto: from when the API server was found to serve no ClusterTrustBundles until somebody says Never; Always: whatever it serves; Never: not at all.',
      ),
    namespaceSelector: labelSelectorFields
      .default({})
      .describe('Labels of the namespaces that get it; {} means every namespace.'),
  })
  .default({ mode: 'Auto', namespaceSelector: {} })
  .describe(
    'A ConfigMap mangrove-trust- and the trust domain in each selected namespace, which stands for the live ClusterTrustBundles where the API server serves none.',
  );

export type FallbackSpec = z.output<typeof fallbackField>;
