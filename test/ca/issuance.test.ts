import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IssuedLeaf, issueLeaf } from '#ca/issuance/issue.ts';
import { prepareLeaf } from '#ca/issuance/prepare.ts';
import { caKeyAlgorithms } from '#ca/keys/algorithm.ts';
import { MangroveError } from '#errors/error.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { parseCertificate } from '#x509/certificate.ts';
import { encodePem } from '#x509/pem.ts';
import { parsePublicKey } from '#x509/public-key.ts';
import { parseSpiffeId } from '#x509/spiffe-id.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { spkiOf } from '../x509/support/request.ts';
import { type Hierarchy, hierarchy, leafRequest, now, open, serial } from './support/hierarchy.ts';

let folder: string;
let ledger: Ledger;
let usual: Hierarchy;

beforeAll(async () => {
  folder = scratchDirectory();
  ledger = await openSqliteLedger({ path: join(folder, 'ledger.db') });
  usual = await hierarchy(ledger);
});
afterAll(() => ledger.close());

const at = (seconds = now) => ({ now: seconds * 1000, serial: serial() });
const clock = (): number => now * 1000;
const issue = (prepared: ReturnType<typeof prepareLeaf>, over: Ledger = ledger): Promise<IssuedLeaf> =>
  issueLeaf(prepared, { ledger: over, now: clock, requireFence: open });

/** The first certificate of a PEM chain, by our own reader. */
function leafOf({ der }: IssuedLeaf) {
  return parseCertificate(der);
}

describe('a chain', () => {
  test.each(caKeyAlgorithms.flatMap((root) => caKeyAlgorithms.map((issuing) => ({ root, issuing }))))(
    'under a root of $root and an issuing key of $issuing verifies with OpenSSL in strict mode',
    async (algorithms) => {
      const made = await hierarchy(ledger, {
        root: { algorithm: algorithms.root },
        issuing: { algorithm: algorithms.issuing },
      });
      const { chain } = await issue(prepareLeaf(leafRequest(), made.signer, at()));
      writeFileSync(join(folder, 'chain.pem'), chain);
      writeFileSync(join(folder, 'root.pem'), encodePem('CERTIFICATE', made.root.certificate.der));
      for (const purpose of ['sslserver', 'sslclient']) {
        const args = ['verify', '-x509_strict', '-attime', String(now), '-purpose', purpose];
        const files = ['-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'chain.pem'];
        expect(execFileSync('openssl', [...args, ...files], { cwd: folder, encoding: 'utf8' })).toContain(
          'OK',
        );
      }
    },
  );

  test('is the leaf and its issuing certificate, and no root', async () => {
    const { chain, der } = await issue(prepareLeaf(leafRequest(), usual.signer, at()));
    expect(chain).toBe(
      encodePem('CERTIFICATE', der) + encodePem('CERTIFICATE', usual.issuing.certificate.der),
    );
  });

  test('is read alike by Node: the id alone, critical, and an empty subject', async () => {
    const { der } = await issue(prepareLeaf(leafRequest(), usual.signer, at()));
    const read = new X509Certificate(der);
    expect(read.subject).toBeUndefined();
    expect(read.subjectAltName).toBe('URI:spiffe://east.test/ns/shop/sa/web');
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(read.ca).toBe(false);
    expect(read.checkIssued(new X509Certificate(usual.issuing.certificate.der))).toBe(true);
  });
});

describe('the validity of a leaf', () => {
  test.each([
    ['the default', undefined, 86_400],
    ['what was asked for', 3_600, 3_600],
    ['the least', 600, 600],
    ['the maximum for more than that', 2_147_483_647, 86_400],
  ])('is %s', async (_case, lifetime, seconds) => {
    const { der, notAfter } = await issue(prepareLeaf(leafRequest({ lifetime }), usual.signer, at()));
    const leaf = parseCertificate(der);
    expect([leaf.notBefore, leaf.notAfter]).toEqual([now - 120, now + seconds]);
    expect(notAfter).toBe(leaf.notAfter);
  });

  test('is not below the least', () => {
    expect(() => prepareLeaf(leafRequest({ lifetime: 599 }), usual.signer, at())).toThrow(
      expect.objectContaining({ code: 'CA_LIFETIME_TOO_SHORT' }),
    );
  });

  test('never outlives the issuing certificate', () => {
    const end = usual.issuing.certificate.notAfter;
    const prepared = prepareLeaf(leafRequest(), usual.signer, at(end - 3_600));
    expect(prepared.intent.notAfter).toBe(end);
  });

  test('is refused as our fault when the issuing certificate ends too soon for the shortest leaf', () => {
    const end = usual.issuing.certificate.notAfter;
    expect(() => prepareLeaf(leafRequest(), usual.signer, at(end - 599))).toThrow(
      expect.objectContaining({ code: 'CA_ISSUER_EXPIRING' }),
    );
  });

  test('does not begin before the issuing certificate does', () => {
    const prepared = prepareLeaf(leafRequest(), usual.signer, at(now - 60));
    expect(prepared.intent.notBefore).toBe(usual.issuing.certificate.notBefore);
  });
});

describe('what the profile does not allow', () => {
  const key = (publicKey: Parameters<typeof spkiOf>[0]) => parsePublicKey(spkiOf(publicKey));
  const rsa = key(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
  const p521 = key(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey);

  test.each([
    ['an RSA key, unless the spec lists it', { publicKey: rsa }, 'CA_KEY_NOT_ALLOWED'],
    ['a P-521 key', { publicKey: p521 }, 'CA_KEY_NOT_ALLOWED'],
    [
      'an id of another trust domain',
      { id: parseSpiffeId('spiffe://west.test/ns/shop/sa/web') },
      'CA_TRUST_DOMAIN_FOREIGN',
    ],
    ['key agreement', { keyUsage: ['digitalSignature', 'keyAgreement'] }, 'CA_USAGE_NOT_GRANTED'],
    ['no digital signature', { keyUsage: ['keyEncipherment'] }, 'CA_USAGE_MISSING'],
    [
      'key encipherment with an EC key',
      { keyUsage: ['digitalSignature', 'keyEncipherment'] },
      'CA_USAGE_NOT_FOR_KEY',
    ],
  ] as const)('%s', (_case, fields, code) => {
    expect(() => prepareLeaf(leafRequest(fields), usual.signer, at())).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test.each(['root', 'issuing'] as const)('the key of the %s certificate', (which) => {
    const { publicKey } = usual[which].certificate;
    expect(() => prepareLeaf(leafRequest({ publicKey }), usual.signer, at())).toThrow(
      expect.objectContaining({ code: 'CA_KEY_IS_AUTHORITY' }),
    );
  });

  test('RSA with key encipherment, when the spec lists it', async () => {
    const made = await hierarchy(ledger, { leaf: { keyAlgorithms: ['RSA-2048'] } });
    const request = leafRequest({ publicKey: rsa, keyUsage: ['digitalSignature', 'keyEncipherment'] });
    const leaf = leafOf(await issue(prepareLeaf(request, made.signer, at())));
    expect(leaf.keyUsage).toEqual(['digitalSignature', 'keyEncipherment']);
  });
});

describe('the record', () => {
  test('has intent and result of a leaf', async () => {
    const prepared = prepareLeaf(leafRequest(), usual.signer, at());
    const { der } = await issue(prepared);
    const entry = await ledger.findBySerial(prepared.intent.serial);
    expect(entry?.intent).toMatchObject({
      kind: 'leaf',
      identity: 'spiffe://east.test/ns/shop/sa/web',
      requestUid: 'r-1',
      authority: usual.root.certificate.publicKey.keyId,
      issuer: usual.issuing.certificate.sha256,
    });
    expect(entry?.result).toMatchObject({ outcome: 'issued' });
    expect(entry?.result?.certificateSha256).toBe(parseCertificate(der).sha256);
  });

  test('has the issuing certificate too', async () => {
    const entry = await ledger.findBySerial(usual.issuing.certificate.serial.toString('hex'));
    expect(entry?.intent.kind).toBe('issuing');
    expect(entry?.result?.certificateSha256).toBe(usual.issuing.certificate.sha256);
  });

  test('stands before the signature: whoever dies between the two leaves an intent without a result', async () => {
    const prepared = prepareLeaf(leafRequest(), usual.signer, at());
    const dies = (name: string): void => {
      if (name === 'issue/sign') throw new Error('killed');
    };
    await expect(issueLeaf(prepared, { ledger, now: clock, requireFence: open, step: dies })).rejects.toThrow(
      'killed',
    );
    const unresolved = await ledger.unresolvedIntents(1000);
    expect(unresolved.some((intent) => intent.serial === prepared.intent.serial)).toBe(true);
  });

  test('that cannot be written stops the signature', async () => {
    const closed = await openSqliteLedger({ path: join(folder, 'closed.db') });
    await closed.close();
    const steps: string[] = [];
    const prepared = prepareLeaf(leafRequest(), usual.signer, at());
    const issuing = issueLeaf(prepared, {
      ledger: closed,
      now: clock,
      requireFence: open,
      step: (name) => void steps.push(name),
    });
    await expect(issuing).rejects.toMatchObject({ code: expect.stringMatching(/^LEDGER_/) });
    expect(steps).toEqual(['issue/intent']);
  });

  test('refuses a serial that was used before, and nothing is signed', async () => {
    const used = at();
    await issue(prepareLeaf(leafRequest(), usual.signer, used));
    await expect(issue(prepareLeaf(leafRequest(), usual.signer, used))).rejects.toMatchObject({
      code: 'LEDGER_SERIAL_EXISTS',
    });
  });
});

test('a longest lifetime that was not raised yet ends no request: nobody who asks is to blame for it', () => {
  const { profile } = usual.signer;
  const late = {
    ...usual.signer,
    profile: { ...profile, minLifetime: 129_600, maxLifetime: 86_400, lifetime: 172_800 },
  };
  for (const lifetime of [undefined, 172_800]) {
    expect(() => prepareLeaf(leafRequest({ lifetime }), late, at())).toThrow(
      expect.objectContaining({ code: 'CA_NOT_READY' }),
    );
  }
  expect(() => prepareLeaf(leafRequest({ lifetime: 3600 }), late, at())).toThrow(
    expect.objectContaining({ code: 'CA_LIFETIME_TOO_SHORT' }),
  );
});

describe('the fence', () => {
  const stale = new MangroveError('CA_NOT_CONFIRMED', 'last confirmed 601 s ago');

  test('closed before the signature: nothing is signed, and the intent is closed', async () => {
    const prepared = prepareLeaf(leafRequest(), usual.signer, at());
    const requireFence = (): never => {
      throw stale;
    };
    await expect(issueLeaf(prepared, { ledger, now: clock, requireFence })).rejects.toBe(stale);
    const entry = await ledger.findBySerial(prepared.intent.serial);
    expect(entry?.result).toMatchObject({ outcome: 'discarded', certificateSha256: undefined });
  });

  test('closed while the result is recorded: what was signed does not leave', async () => {
    const prepared = prepareLeaf(leafRequest(), usual.signer, at());
    const steps: string[] = [];
    let discarded = 0;
    const issuing = issueLeaf(prepared, {
      ledger,
      now: clock,
      requireFence() {
        if (steps.includes('issue/result')) throw stale;
      },
      onDiscarded: () => void (discarded += 1),
      step: (name) => void steps.push(name),
    });
    await expect(issuing).rejects.toBe(stale);
    const entry = await ledger.findBySerial(prepared.intent.serial);
    expect(entry?.result?.certificateSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(discarded).toBe(1);
  });

  test('closed while the intent of an issuing certificate is recorded: none is made', async () => {
    await expect(
      hierarchy(ledger, {}, 'peculiar', () => {
        throw stale;
      }),
    ).rejects.toBe(stale);
  });
});
