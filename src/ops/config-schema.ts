import { z } from 'zod';

/** A name that ends up in the name of a Lease or is one of an object of ours. */
const name = z
  .string()
  .max(200)
  .regex(
    /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    'must be a Kubernetes name: lower-case letters, digits, - and .',
  );

const leaderElection = z
  .strictObject({
    leaseDurationSeconds: z
      .int()
      .min(2)
      .max(600)
      .default(15)
      .describe(
        'Seconds that the others wait for a leader that stopped renewing before one of them takes over.',
      ),
    renewDeadlineSeconds: z
      .int()
      .min(1)
      .max(600)
      .default(10)
      .describe(
        'Seconds that a leader which cannot renew goes on leading. Less than leaseDurationSeconds, or two could lead at once.',
      ),
    retryPeriodSeconds: z
      .int()
      .min(1)
      .max(600)
      .default(2)
      .describe('Seconds between two tries to renew or to take the lease. Less than renewDeadlineSeconds.'),
  })
  .refine((election) => election.renewDeadlineSeconds < election.leaseDurationSeconds, {
    path: ['renewDeadlineSeconds'],
    message: 'must be less than leaderElection.leaseDurationSeconds, or two replicas could lead at once',
  })
  .refine((election) => election.retryPeriodSeconds < election.renewDeadlineSeconds, {
    path: ['retryPeriodSeconds'],
    message:
      'must be less than leaderElection.renewDeadlineSeconds, or one lost request would cost the lease',
  });

/** The whole configuration of `mangrove controller`: the descriptions are docs/configuration.md. */
export const configSchema = z.strictObject({
  replica: name.describe(
    'Name of this replica, unique in its namespace and the same after a restart: the name of its pod.',
  ),
  namespace: name
    .max(63)
    .default('mangrove-system')
    .describe('Namespace of the authorities’ Secrets and of the Leases.'),
  kubeconfig: z
    .string()
    .min(1)
    .optional()
    .describe('Path of a kubeconfig file. Without it, the service account of the pod is used.'),
  context: z
    .string()
    .min(1)
    .optional()
    .describe('Context of the kubeconfig file. Without it, its current context is used.'),
  authorities: z
    .array(name.max(63))
    .min(1)
    .max(64)
    .optional()
    .describe(
      'Names of the CertificateAuthorities to handle, and with them the TrustBundles that read no other. Without it, all of them. A TrustBundle that reads one that is named and another that is not is left alone.',
    ),
  bundlesWithoutAuthority: z
    .enum(['handle', 'leave'])
    .default('handle')
    .describe(
      'What becomes of TrustBundles that read no CertificateAuthority. Of several installations in one cluster one handles them and the others leave them: two would write the same objects.',
    ),
  sources: z
    .strictObject({
      namespace: name
        .max(63)
        .default('mangrove-trust')
        .describe('Namespace of the ConfigMaps and Secrets that TrustBundles may read roots from.'),
      directory: z
        .string()
        .min(1)
        .default('/sources')
        .describe('Directory of the files that TrustBundles may read roots from; they name an entry of it.'),
    })
    .prefault({}),
  targets: z
    .strictObject({
      directory: z
        .string()
        .min(1)
        .default('/targets')
        .describe(
          'Directory of the files that TrustBundles may publish roots to; they name an entry of it. The replica that leads writes them.',
        ),
    })
    .prefault({}),
  ledger: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .default('/var/lib/mangrove/ledger.db')
        .describe(
          'Path of the database of issued certificates, on a volume of this replica alone. Nothing is issued while it cannot be written.',
        ),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Address that /livez, /readyz and /metrics listen on. Without it, every address, IPv4 and IPv6.',
        ),
      port: z.int().min(0).max(65535).default(8080).describe('TCP port of the same; 0 takes a free one.'),
    })
    .prefault({}),
  leaderElection: leaderElection.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
        .default('info')
        .describe('Least severity that is logged, as JSON lines on standard output.'),
    })
    .prefault({}),
  keys: z
    .strictObject({
      provider: z
        .enum(['peculiar', 'node'])
        .default('peculiar')
        .describe(
          'WebCrypto implementation that proves the signature of every new root and issuing certificate: @peculiar/webcrypto or Node’s own. Private keys are always Node’s: they lie in the memory of OpenSSL alone.',
        ),
    })
    .prefault({}),
  drainSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(20)
    .describe(
      'Seconds that work in progress may take to end after SIGTERM. Less than the pod’s terminationGracePeriodSeconds.',
    ),
});

type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

export type Config = DeepReadonly<z.output<typeof configSchema>>;

/** One key of the configuration, by all its names. */
export interface ConfigField {
  /** `ledger.path`, as in the file. */
  readonly path: string;
  /** `MANGROVE_LEDGER_PATH`; lists are separated by commas. */
  readonly variable: string;
  /** `--ledger-path`. */
  readonly flag: string;
  /** `ledgerPath`: the flag as a property, as commander hands it over. */
  readonly attribute: string;
  /** `string`, `list`, `integer from 1 to 600`, or the choices. */
  readonly type: string;
  readonly description: string;
  readonly default: unknown;
}

/** Every key, in the order of the schema. */
export const configFields: readonly ConfigField[] = fieldsOf(
  z.toJSONSchema(configSchema, { io: 'input', target: 'openapi-3.0' }),
  [],
);

interface SchemaNode {
  readonly type?: unknown;
  readonly properties?: unknown;
  readonly description?: unknown;
  readonly default?: unknown;
  readonly enum?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
}

function fieldsOf(node: SchemaNode, path: readonly string[]): ConfigField[] {
  if (typeof node.properties === 'object' && node.properties !== null) {
    return Object.entries(node.properties).flatMap(([key, child]) => fieldsOf(child, [...path, key]));
  }
  const words = path.map((key) => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  const flag = words.join('-');
  return [
    {
      path: path.join('.'),
      variable: `MANGROVE_${flag.replaceAll('-', '_').toUpperCase()}`,
      flag: `--${flag}`,
      attribute: flag.replaceAll(/-[a-z]/g, (dash) => dash.charAt(1).toUpperCase()),
      type: typeName(node),
      description: typeof node.description === 'string' ? node.description : '',
      default: node.default,
    },
  ];
}

function typeName({ type, enum: choices, minimum, maximum }: SchemaNode): string {
  if (Array.isArray(choices)) return choices.join(', ');
  if (type === 'array') return 'list';
  return type === 'integer' ? `integer from ${String(minimum)} to ${String(maximum)}` : String(type);
}
