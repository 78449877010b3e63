import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { parseCertificateAuthoritySpec } from '#ca/authority/resource.ts';
import { createRoot } from '#ca/authority/root.ts';
import { createFence } from '#ca/issuance/controller/fence.ts';
import { mintIssuingKey } from '#ca/issuance/issuing-certificate.ts';
import { leafProfile } from '#ca/issuance/profile.ts';
import { newSerial, pooled } from '#ca/issuance/serial.ts';
import type { Signer } from '#ca/issuance/signer.ts';
import { type AnswerContext, answer } from '#csr/signing-request/answer.ts';
import type { SigningRequest } from '#csr/signing-request/signing-request.ts';
import { systemClock } from '#kube/clock.ts';
import type { Ledger } from '#ledger/ledger.ts';

const requestCount = 256;
const namespace = 'default';
const uid = '2f0f3f0e-0f7e-4b57-9d0c-6a3c1c1f5a11';
const signerName = 'mangrove.dev/workload';
const usages = ['digital signature', 'server auth', 'client auth'];

/** Issues one certificate for the next of many requests, by the product's own path from the object to the chain. */
export async function issuanceWorkload(ledger: Ledger): Promise<() => Promise<void>> {
  const signer = await newSigner(ledger);
  const context: AnswerContext = {
    ledger,
    now: Date.now,
    findSigner: () => signer,
    uids: { observed: () => uid, read: () => Promise.resolve(uid) },
    newSerial: serial,
    requireFence: () => fence.require({ sent: fence.mark(), boundMs: 600_000 }),
  };
  const requests = await Promise.all(
    Array.from({ length: requestCount }, (_, i) => newRequest(signer.profile.trustDomain, `app-${i}`)),
  );
  let next = 0;
  return async () => {
    const request = requests[next++ % requestCount];
    if (request === undefined) throw new Error('no request');
    const given = await answer(request, context);
    if (given.outcome !== 'issued') throw new Error(`refused: ${given.message}`);
  };
}

/** A ledger that forgets: for what issuance costs without one. */
export const noLedger: Ledger = {
  recordIntent: () => Promise.resolve(),
  recordResult: () => Promise.resolve(),
  findBySerial: () => Promise.resolve(undefined),
  findByPublicKey: () => Promise.resolve([]),
  findByIdentity: () => Promise.resolve([]),
  newestNotAfter: () => Promise.resolve(undefined),
  unresolvedIntents: () => Promise.resolve([]),
  check: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

const fence = createFence(systemClock, () => 0);
const random = pooled((size) => randomBytes(size));

function serial(): Buffer {
  return newSerial(1, random);
}

async function newSigner(ledger: Ledger): Promise<Signer> {
  const spec = parseCertificateAuthoritySpec({ trustDomain: 'bench.test', signerNames: [signerName] });
  const now = Date.now();
  const notBefore = Math.floor(now / 1000);
  const common = { trustDomain: spec.trustDomain, algorithm: 'ECDSA-P256', notBefore } as const;
  const root = await createRoot(
    { ...common, serial: serial(), notAfter: notBefore + 365 * 86_400 },
    webcrypto,
  );
  const issuing = await mintIssuingKey(
    { ...common, serial: serial(), notAfter: notBefore + 7 * 86_400, now, replica: 'bench' },
    {
      certificate: root.certificate,
      key: () => Promise.resolve(root.key),
    },
    { crypto: webcrypto, ledger, requireFence: () => undefined },
  );
  const authorityKeyIds = new Set(
    [root.certificate, issuing.certificate].map(({ publicKey }) => publicKey.keyId),
  );
  return { profile: leafProfile(spec, spec.leaf.maxLifetimeSeconds), issuing, authorityKeyIds };
}

async function newRequest(trustDomain: string, name: string): Promise<SigningRequest> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'url', value: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}` },
        ]),
      ],
    },
    webcrypto,
  );
  return {
    metadata: { name, uid, resourceVersion: '1' },
    spec: {
      request: Buffer.from(`${request.toString('pem')}\n`).toString('base64'),
      signerName,
      usages,
      username: `system:serviceaccount:${namespace}:${name}`,
      uid,
    },
  };
}
