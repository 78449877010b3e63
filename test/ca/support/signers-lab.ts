import { pino } from 'pino';
import type { Authority } from '#ca/authority/authority.ts';
import { authoritySecretName } from '#ca/authority/authority.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import { CertificateAuthoritySpecSchema } from '#ca/authority/spec.ts';
import { createFence } from '#ca/issuance/controller/fence.ts';
import { createSigners, type Signers } from '#ca/issuance/controller/signers.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import { Cache } from '#kube/cache.ts';
import { objectKey } from '#kube/object.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { type Hierarchy, hierarchy, now, serial } from './hierarchy.ts';

export const signerName = 'mangrove.dev/workload';

export interface SignersLab {
  readonly signers: Signers;
  /** What the API server has, which the watch, cut off, does not show. */
  readonly server: { object: CertificateAuthority | undefined; generations: readonly Authority[] };
  /** What `onChange` was told: whether there is a signer. */
  readonly changes: boolean[];
  /** Looks at the authority, as its controller does. */
  reconcile(): ReturnType<Signers['reconcile']>;
  /** On both clocks, which stand still else. */
  pass(ms: number): void;
}

/** The signers of a replica that saw one authority, Active and published, before its watch was cut off. */
export async function signersLab(
  ledger: Ledger,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<SignersLab> {
  const made = await hierarchy(ledger, fields);
  const object = certificateAuthority(fields);
  const server: SignersLab['server'] = { object, generations: [generation(made, 1)] };
  const authorities = new Cache<CertificateAuthority>();
  authorities.set(objectKey(undefined, object.metadata.name), object, { uid: 'u-1', resourceVersion: '1' });
  let passedMs = 0;
  const wall = (): number => now * 1000 + passedMs;
  const changes: boolean[] = [];
  const signers = createSigners({
    store: {
      read: () => Promise.resolve(server.generations),
      rootKey: () => Promise.resolve(made.root.key),
    },
    authorities,
    readAuthority: () => Promise.resolve(server.object),
    ledger,
    crypto: webCrypto('node'),
    newSerial: serial,
    replica: 'mangrove-0',
    log: pino({ enabled: false }),
    onChange: (_name, signer) => changes.push(signer !== undefined),
    now: wall,
    fence: createFence({ wall, monotonic: () => passedMs }, () => 0),
    observer: { issuing: () => undefined, confirmed: () => undefined },
    reportedKeys: { has: () => false },
  });
  return {
    signers,
    server,
    changes,
    reconcile: () => signers.reconcile(object.metadata.name),
    pass: (ms) => void (passedMs += ms),
  };
}

export function certificateAuthority(fields: Readonly<Record<string, unknown>> = {}): CertificateAuthority {
  return {
    apiVersion: 'mangrove.dev/v1alpha1',
    kind: 'CertificateAuthority',
    metadata: { name: 'mesh', uid: 'u-1', creationTimestamp: new Date(now * 1000).toISOString() },
    spec: CertificateAuthoritySpecSchema.parse({
      trustDomain: 'east.test',
      signerNames: [signerName],
      ...fields,
    }),
    status: { publishedSignerNames: [signerName] },
  };
}

/** The authority of a hierarchy; of two the one with the higher number became active last. */
export function generation({ spec, root }: Hierarchy, number: number): Authority {
  const at = now + number;
  return {
    id: root.certificate.publicKey.keyId,
    generation: number,
    secretName: authoritySecretName('mesh', number),
    secretUid: `s-${number}`,
    resourceVersion: '1',
    trustDomain: spec.trustDomain,
    certificate: root.certificate,
    maxLeafLifetime: spec.leaf.maxLifetimeSeconds,
    timestamps: { createdAt: at, publishedAt: at, activatedAt: at },
  };
}
