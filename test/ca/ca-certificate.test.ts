import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateCaKey } from '#ca/keys/private-key.ts';
import { type CaCertificateRequest, makeCaCertificate } from '#ca/keys/ca-certificate.ts';
import { mintIssuingKey } from '#ca/issuance/issuing-certificate.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { parseTrustDomain } from '#x509/spiffe-id.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { hierarchy, now, open, serial } from './support/hierarchy.ts';

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
});
afterAll(() => ledger.close());

const rejected = (message: string) => ({
  code: 'CA_HIERARCHY_REJECTED',
  message: expect.stringContaining(message),
});

/** A library that says the same of every signature. */
function sayingAlways(verified: boolean): Crypto {
  const subtle = overlaid(webCrypto('node').subtle, 'verify', () => Promise.resolve(verified));
  return overlaid(webCrypto('node'), 'subtle', subtle);
}

function overlaid<T extends object>(original: T, name: keyof T, other: unknown): T {
  return new Proxy(original, {
    get(target, key) {
      if (key === name) return other;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('a CA certificate that is not what was asked for is thrown away', () => {
  async function request(fields: Partial<CaCertificateRequest> = {}): Promise<CaCertificateRequest> {
    const { root, spec } = await hierarchy(ledger);
    const { publicKey } = generateCaKey('ECDSA-P256');
    return {
      trustDomain: spec.trustDomain,
      serial: serial(),
      spki: publicKey.export({ type: 'spki', format: 'der' }),
      issuer: root.certificate,
      signingKey: root.key,
      signingAlgorithm: 'ECDSA-P256',
      notBefore: now,
      notAfter: now + 3_600,
      ...fields,
    };
  }

  test('as it is asked for it passes', async () => {
    const asked = await request();
    const made = await makeCaCertificate(asked, webCrypto('node'));
    expect(made.serial).toEqual(asked.serial);
  });

  test('signed by another key than its issuer’s', async () => {
    const asked = await request({ signingKey: generateCaKey('ECDSA-P256').privateKey });
    const wrong = rejected('its signature does not verify');
    await expect(makeCaCertificate(asked, webCrypto('node'))).rejects.toMatchObject(wrong);
    // What is behind the library does not believe it, and is not believed where the library doubts.
    await expect(makeCaCertificate(asked, sayingAlways(true))).rejects.toMatchObject(wrong);
    await expect(makeCaCertificate(await request(), sayingAlways(false))).rejects.toMatchObject(wrong);
  });

  test.each<[string, Partial<CaCertificateRequest>, string]>([
    // The library writes whole seconds.
    ['date', { notAfter: now + 3_600.5 }, 'notAfter is not as asked for'],
    // More than 20 octets (RFC 5280, section 4.1.2.2).
    ['serial', { serial: Buffer.alloc(21, 1) }, 'own CA certificate refused'],
  ])('with another %s', async (_, fields, message) => {
    await expect(makeCaCertificate(await request(fields), webCrypto('node'))).rejects.toMatchObject(
      rejected(message),
    );
  });
});

test('no issuing certificate is made under a root of another trust domain, nor its intent recorded', async () => {
  const { root } = await hierarchy(ledger);
  const asked = {
    trustDomain: parseTrustDomain('west.test'),
    algorithm: 'ECDSA-P256',
    serial: serial(),
    notBefore: now,
    notAfter: now + 3_600,
    now: now * 1000,
    replica: 'mangrove-0',
  } as const;
  const context = { crypto: webCrypto('node'), ledger, requireFence: open };
  const under = { certificate: root.certificate, key: () => Promise.resolve(root.key) };
  await expect(mintIssuingKey(asked, under, context)).rejects.toMatchObject(
    rejected('its subject is not that of west.test'),
  );
  expect(await ledger.findByIdentity('spiffe://west.test')).toEqual([]);
});
