import { type KeyObject, randomBytes } from 'node:crypto';
import { type AuthoritySpec, parseCertificateAuthoritySpec } from '#ca/authority/resource.ts';
import { createRoot } from '#ca/authority/root.ts';
import { decodeRootKey, encodeAuthoritySecret } from '#ca/authority/secret.ts';
import { type IssuingKey, mintIssuingKey } from '#ca/issuance/issuing-certificate.ts';
import type { LeafRequest } from '#ca/issuance/prepare.ts';
import { leafProfile } from '#ca/issuance/profile.ts';
import { issuingValidity } from '#ca/issuance/renewal.ts';
import { newSerial } from '#ca/issuance/serial.ts';
import type { Signer } from '#ca/issuance/signer.ts';
import { type WebCryptoName, webCrypto } from '#ca/keys/web-crypto.ts';
import type { Ledger } from '#ledger/ledger.ts';
import type { Certificate } from '#x509/certificate.ts';
import { parsePublicKey } from '#x509/public-key.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';
import { p256, spkiOf } from '../../x509/support/request.ts';

/** 2026-11-22T00:00:00Z, in seconds. */
export const now = 1_795_305_600;
/** A fence that lets everything through. */
export const open = (): void => undefined;

export const serial = (): Buffer => newSerial(1, randomBytes);

export interface Hierarchy {
  readonly spec: AuthoritySpec;
  readonly root: { readonly certificate: Certificate; readonly key: KeyObject };
  readonly issuing: IssuingKey;
  readonly signer: Signer;
}

/** A root, an issuing key under it and a signer, as a replica would hold them. */
export async function hierarchy(
  ledger: Ledger,
  fields: Record<string, unknown> = {},
  provider: WebCryptoName = 'peculiar',
  requireFence: () => void = open,
  at = now,
): Promise<Hierarchy> {
  const spec = parseCertificateAuthoritySpec({
    trustDomain: 'east.test',
    signerNames: ['mangrove.dev/workload'],
    ...fields,
  });
  const { trustDomain } = spec;
  const crypto = webCrypto(provider);
  const created = await createRoot(
    {
      trustDomain,
      algorithm: spec.root.algorithm,
      serial: serial(),
      notBefore: at - 120,
      notAfter: at + spec.root.lifetimeSeconds,
    },
    crypto,
  );
  const secret = encodeAuthoritySecret(
    { certificateAuthority: 'mesh', namespace: 'mangrove-system', generation: 1, createdAt: at },
    created,
  );
  const root = { certificate: created.certificate, key: decodeRootKey(secret, created.certificate) };
  const issuing = await mintIssuingKey(
    {
      trustDomain,
      algorithm: spec.issuing.algorithm,
      serial: serial(),
      ...issuingValidity(spec, root.certificate, at),
      now: at * 1000,
      replica: 'mangrove-0',
    },
    { certificate: root.certificate, key: () => Promise.resolve(root.key) },
    { crypto, ledger, requireFence },
  );
  const authorityKeyIds = new Set([root, issuing].map(({ certificate }) => certificate.publicKey.keyId));
  return {
    spec,
    root,
    issuing,
    signer: { profile: leafProfile(spec, spec.leaf.maxLifetimeSeconds), issuing, authorityKeyIds },
  };
}

export function leafRequest(fields: Partial<LeafRequest> = {}): LeafRequest {
  return {
    id: parseSpiffeId('spiffe://east.test/ns/shop/sa/web'),
    publicKey: parsePublicKey(spkiOf(p256.publicKey)),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    lifetime: undefined,
    frontDoor: 'csr',
    requestUid: 'r-1',
    ...fields,
  };
}
