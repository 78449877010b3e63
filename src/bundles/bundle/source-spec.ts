import { createHash } from 'node:crypto';
import { z } from 'zod';
import { labelSelectorFields, selectorText, selectsSomething } from '#bundles/bundle/label-selector.ts';
import { matching, objectNameField, signerNameField } from '#errors/syntax.ts';
import { type Rule, withRules } from '#errors/validation.ts';

/** The members that a union knows; later versions add members, and an object with an unknown one is refused. */
export function exactlyOne<Member extends string>(
  members: readonly Member[],
): Rule<{ readonly [_ in Member]?: unknown }> {
  return {
    cel: `[${members.map((member) => `has(self.${member})`).join(', ')}].filter(set, set).size() == 1`,
    message: `must have exactly one of: ${members.join(', ')}`,
    holds: (value) => members.filter((member) => value[member] !== undefined).length === 1,
  };
}

const sourceSelectorField = withRules(labelSelectorFields, [selectsSomething]);

const keysField = z
  .array(
    withRules(z.string().min(1).max(253), [
      matching('^[-._a-zA-Z0-9*]+$', "must be a key, in which '*' stands for any characters"),
    ]),
  )
  .min(1)
  .max(16)
  .default(['ca.crt'])
  .describe(
    "Keys that hold PEM; '*' stands for any characters. At least one must be there. A Secret of type kubernetes.io/tls gives ca.crt and nothing else, whatever stands here.",
  );

function objectSource(kind: 'ConfigMap' | 'Secret') {
  return withRules(
    z.object({
      name: objectNameField(253, `the name of a ${kind}`).optional().describe('Name of the object.'),
      selector: sourceSelectorField.optional().describe('Or labels: every object that has them.'),
      keys: keysField,
    }),
    [exactlyOne(['name', 'selector'])],
  ).optional();
}

const fingerprintsField = z
  .array(
    withRules(z.string().max(64), [
      matching(
        '^[0-9a-f]{64}$',
        'must be a SHA-256 fingerprint: 64 hex digits in lower case, without colons',
      ),
    ]),
  )
  .min(1)
  .max(512)
  .optional();

/** Not of the format date-time: with it a CEL rule would get no text, and the API server lets in the 25th hour. */
const retainUntilField = withRules(z.string().max(64), [
  matching(
    '^(Expired|[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))$',
    'must be a time such as 2026-12-31T00:00:00Z (RFC 3339), or Expired',
  ),
  {
    cel: "self == 'Expired' || timestamp(self) > timestamp('1970-01-01T00:00:00Z')",
    message: 'must be a day that the calendar has',
    holds: (text) => text === 'Expired' || isMoment(text),
  },
]);

/** `Date` takes the 30th of February for a day in March. */
function isMoment(text: string): boolean {
  const day = text.slice(0, 10);
  const midnight = Date.parse(`${day}T00:00:00Z`);
  return midnight >= 0 && new Date(midnight).toISOString().startsWith(day);
}

const maxSeconds = 10 * 365 * 86_400;

const kinds = [
  'authority',
  'configMap',
  'secret',
  'inline',
  'file',
  'clusterTrustBundle',
  'publicRoots',
] as const;

const sourceFields = z.object({
  authority: z
    .object({
      name: objectNameField(63, 'the name of a CertificateAuthority').describe(
        'CertificateAuthority whose roots are published.',
      ),
    })
    .optional()
    .describe('The roots of a CertificateAuthority in this cluster.'),
  configMap: objectSource('ConfigMap').describe('ConfigMaps in the namespace mangrove-trust.'),
  secret: objectSource('Secret').describe('Secrets in the namespace mangrove-trust.'),
  inline: z
    .object({
      name: objectNameField(63, 'a name for these roots').describe('What the status calls them.'),
      pem: z.string().min(1).max(1_048_576).describe('PEM blocks of type CERTIFICATE and nothing else.'),
    })
    .optional()
    .describe('Roots that stand in this object itself.'),
  file: z
    .object({
      name: objectNameField(63, 'the name of a file source').describe(
        'Name of a directory entry below sources.directory of the configuration of the controller.',
      ),
    })
    .optional()
    .describe('A file, or all files of a directory, on the disk of the controller.'),
  clusterTrustBundle: withRules(
    z.object({
      name: z.string().min(1).max(825).optional().describe('Name of the ClusterTrustBundle.'),
      signerName: signerNameField.optional().describe('Or the signer name of all that are meant,'),
      selector: sourceSelectorField.optional().describe('and their labels.'),
    }),
    [
      exactlyOne(['name', 'signerName']),
      {
        cel: 'has(self.signerName) == has(self.selector)',
        message: 'signerName and selector go together',
        path: ['selector'],
        holds: ({ signerName, selector }) => (signerName === undefined) === (selector === undefined),
      },
    ],
  )
    .optional()
    .describe('ClusterTrustBundles of others.'),
  publicRoots: z
    .object({
      from: z
        .enum(['mozilla', 'system'])
        .describe(
          "mozilla: Mozilla's roots, as the Node.js of this program brought them; system: the operating system's.",
        ),
    })
    .optional()
    .describe('The public roots of the web.'),
  optional: z
    .boolean()
    .default(false)
    .describe('True: that the source does not exist is no fault, and it gives no root then.'),
  keepLastSeconds: z
    .int()
    .min(0)
    .max(maxSeconds)
    .optional()
    .describe('How long its last good content stays while it cannot be read; for ever when absent.'),
  retainSeconds: z
    .int()
    .min(0)
    .max(maxSeconds)
    .optional()
    .describe('How long a root stays after it vanished from the source; 0 when absent.'),
  retainUntil: retainUntilField
    .optional()
    .describe(
      'Or until when, such as 2026-12-31T00:00:00Z (RFC 3339); what vanishes later leaves at once. Expired: until the root itself has expired, when nothing that chains to it is valid any more.',
    ),
  include: fingerprintsField.describe('Only these of its roots.'),
  exclude: fingerprintsField.describe('None of these of its roots.'),
});

export const sourceField = withRules(sourceFields, [
  exactlyOne(kinds),
  {
    cel: '!has(self.retainSeconds) || !has(self.retainUntil)',
    message: 'retainSeconds and retainUntil exclude each other',
    path: ['retainUntil'],
    holds: ({ retainSeconds, retainUntil }) => retainSeconds === undefined || retainUntil === undefined,
  },
  {
    cel: '!has(self.include) || !has(self.exclude)',
    message: 'include and exclude exclude each other',
    path: ['exclude'],
    holds: ({ include, exclude }) => include === undefined || exclude === undefined,
  },
]);

export type SourceSpec = z.output<typeof sourceField>;
export type SourceKind = (typeof kinds)[number];

/** What names a source in the status and keys its memory. */
export interface SourceKey {
  readonly kind: SourceKind;
  /** Of the object, or its selector as kubectl writes it; a long one is cut and ends in its hash. */
  readonly name: string;
}

/** The status has room for 512 characters, the kind of an anchor's source among them. */
const MAX_NAME = 480;

export function sourceKey(source: SourceSpec): SourceKey {
  const { kind, name } = wholeKey(source);
  if (name.length <= MAX_NAME) return { kind, name };
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return { kind, name: `${name.slice(0, MAX_NAME - hash.length - 1)}…${hash}` };
}

function wholeKey(source: SourceSpec): SourceKey {
  const { authority, configMap, secret, inline, file, clusterTrustBundle, publicRoots } = source;
  if (authority !== undefined) return { kind: 'authority', name: authority.name };
  if (configMap !== undefined) return { kind: 'configMap', name: objectName(configMap) };
  if (secret !== undefined) return { kind: 'secret', name: objectName(secret) };
  if (inline !== undefined) return { kind: 'inline', name: inline.name };
  if (file !== undefined) return { kind: 'file', name: file.name };
  if (clusterTrustBundle !== undefined)
    return { kind: 'clusterTrustBundle', name: bundleName(clusterTrustBundle) };
  return { kind: 'publicRoots', name: publicRoots?.from ?? '' };
}

function objectName({ name, selector, keys }: NonNullable<SourceSpec['configMap']>): string {
  const which = name ?? `(${selectorText(selector ?? {})})`;
  return keys.length === 1 && keys[0] === 'ca.crt' ? which : `${which}[${keys.join(',')}]`;
}

function bundleName({ name, signerName, selector }: NonNullable<SourceSpec['clusterTrustBundle']>): string {
  return name ?? `${signerName}(${selectorText(selector ?? {})})`;
}
