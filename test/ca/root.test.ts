import { execFileSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRoot } from '#ca/authority/root.ts';
import {
  decodeAuthority,
  decodeRootKey,
  encodeAuthoritySecret,
  readAuthoritySecret,
} from '#ca/authority/secret.ts';
import { newSerial } from '#ca/issuance/serial.ts';
import { caKeyAlgorithms } from '#ca/keys/algorithm.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import { encodePem } from '#x509/pem.ts';
import { parseTrustDomain } from '#x509/spiffe-id.ts';
import { scratchDirectory } from '../support/scratch.ts';

const trustDomain = parseTrustDomain('east.test');
const now = 1_800_000_000;

function request(algorithm: (typeof caKeyAlgorithms)[number]) {
  return {
    trustDomain,
    algorithm,
    serial: newSerial(1, randomBytes),
    notBefore: now - 120,
    notAfter: now + 31_536_000,
  };
}

const providers = ['peculiar', 'node'] as const;

describe.each(providers)('a root made by the %s provider', (provider) => {
  test.each(caKeyAlgorithms)('of %s verifies with OpenSSL in strict mode', async (algorithm) => {
    const root = await createRoot(request(algorithm), webCrypto(provider));
    const file = join(scratchDirectory(), 'root.pem');
    writeFileSync(file, encodePem('CERTIFICATE', root.certificate.der));
    const args = ['verify', '-x509_strict', '-check_ss_sig', '-attime', String(now), '-CAfile', file, file];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('OK');
  });

  test('has the subject of its trust domain and key, and the SPIFFE ID of the trust domain', async () => {
    const root = await createRoot(request('ECDSA-P256'), webCrypto(provider));
    const read = new X509Certificate(root.certificate.der);
    const keyId = root.certificate.publicKey.keyId;
    expect(read.subject.split('\n')).toEqual(['CN=east.test', `serialNumber=${keyId.slice(0, 16)}`]);
    expect(read.subjectAltName).toBe('URI:spiffe://east.test');
    expect(read.ca).toBe(true);
    expect(Date.parse(read.validTo) / 1000).toBe(now + 31_536_000);
  });
});

describe('the Secret of an authority', () => {
  const owner = { certificateAuthority: 'mesh', namespace: 'mangrove-system', generation: 1, createdAt: now };
  const stored = { uid: 'u-1', resourceVersion: '7' };

  async function secret() {
    const root = await createRoot(request('ECDSA-P256'), webCrypto('peculiar'));
    const json = encodeAuthoritySecret(owner, root);
    const encoded = readAuthoritySecret(Buffer.from(json));
    return { root, json, object: { ...encoded, metadata: { ...encoded.metadata, ...stored } } };
  }

  test('comes back as the authority that it was made of, with its key', async () => {
    const { root, json, object } = await secret();
    const authority = decodeAuthority(object, trustDomain);
    expect(authority).toMatchObject({
      id: root.certificate.publicKey.keyId,
      generation: 1,
      secretName: 'mesh-authority-1',
      secretUid: 'u-1',
      resourceVersion: '7',
      timestamps: { createdAt: now },
    });
    expect(decodeRootKey(json, authority.certificate).equals(root.key)).toBe(true);
  });

  test('has a key that OpenSSL and everybody else can read', async () => {
    const { root, json } = await secret();
    const { data } = JSON.parse(json.toString()) as { data: Record<string, string> };
    const pem = Buffer.from(data['tls.key'] ?? '', 'base64').toString();
    expect(pem).toBe(root.key.export({ type: 'pkcs8', format: 'pem' }));
  });

  test('is read without its key, and both readers wipe it from the bytes that they are given', async () => {
    const { root, json, object } = await secret();
    expect(object.data?.['tls.key']?.trim()).toBe('');
    const text = json.toString();
    const key = (JSON.parse(text) as typeof object).data?.['tls.key'] ?? '';
    for (const read of [readAuthoritySecret, (one: Buffer) => decodeRootKey(one, root.certificate)]) {
      const bytes = Buffer.from(text);
      read(bytes);
      expect(bytes.toString()).toBe(text.replace(key, ' '.repeat(key.length)));
    }
  });

  test('of another trust domain is refused', async () => {
    const { object } = await secret();
    expect(() => decodeAuthority(object, parseTrustDomain('west.test'))).toThrow(
      expect.objectContaining({ code: 'CA_AUTHORITY_DAMAGED' }),
    );
  });

  test.each([
    ['that is not immutable', { immutable: false }, 'CA_AUTHORITY_DAMAGED'],
    ['of another type', { type: 'Opaque' }, 'CA_AUTHORITY_FOREIGN'],
    ['without certificate', { data: {} }, 'CA_AUTHORITY_DAMAGED'],
    ['with garbage for a certificate', { data: { 'tls.crt': 'AAAA' } }, 'CA_AUTHORITY_DAMAGED'],
  ])('%s is refused', async (_case, change, code) => {
    const { object } = await secret();
    expect(() => decodeAuthority({ ...object, ...change }, trustDomain)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test.each(['2026-02-30T00:00:00Z', '2026-01-01T00:00:00.5Z', '2026-01-01', 'yesterday', ''])(
    'with the timestamp %j is refused',
    async (text) => {
      const { object } = await secret();
      const annotations = { ...object.metadata.annotations, 'mangrove.dev/activated-at': text };
      const changed = { ...object, metadata: { ...object.metadata, annotations } };
      expect(() => decodeAuthority(changed, trustDomain)).toThrow(
        expect.objectContaining({ code: 'CA_AUTHORITY_DAMAGED' }),
      );
    },
  );

  test('with the key of another root is refused, and the message has nothing of the key', async () => {
    const [one, other] = [await secret(), await secret()];
    const { certificate } = decodeAuthority(one.object, trustDomain);
    expect(() => decodeRootKey(other.json, certificate)).toThrow(
      expect.objectContaining({
        code: 'CA_AUTHORITY_DAMAGED',
        message: expect.not.stringMatching(/[A-Za-z0-9+/]{32}/),
      }),
    );
  });
});
