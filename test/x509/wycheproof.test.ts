import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { X509Error } from '#x509/error.ts';
import { parsePublicKey } from '#x509/public-key.ts';
import { type SignatureAlgorithm, verifySignature } from '#x509/signature-algorithm.ts';

interface Group {
  /** Hex of a SubjectPublicKeyInfo. */
  readonly publicKeyDer: string;
  readonly tests: readonly Vector[];
}

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly msg: string;
  readonly sig: string;
  readonly result: 'valid' | 'acceptable' | 'invalid';
}

const folder = join(import.meta.dirname, '../vectors/wycheproof');

const suites: Readonly<Record<string, readonly Group[]>> = JSON.parse(
  gunzipSync(readFileSync(join(folder, 'signatures.json.gz'))).toString(),
);
const exceptions: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(folder, 'exceptions.json'), 'utf8'),
);

function algorithmOf(suite: string): SignatureAlgorithm {
  if (suite === 'ed25519') return 'Ed25519';
  const hash = /_sha(256|384|512)$/.exec(suite)?.[1];
  if (hash !== '256' && hash !== '384' && hash !== '512') throw new Error(`no algorithm for ${suite}`);
  return suite.startsWith('rsa_') ? `sha${hash}WithRSAEncryption` : `ecdsa-with-SHA${hash}`;
}

/** What proof of possession does with the bytes of a request: read the key, verify with it. */
function accepts(suite: string, key: Buffer, { msg, sig }: Vector): boolean {
  try {
    const [data, signature] = [Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex')];
    return verifySignature(algorithmOf(suite), parsePublicKey(key), data, signature);
  } catch (error) {
    if (error instanceof X509Error) return false;
    throw error;
  }
}

/** `suite tcId` of every vector that is decided otherwise than Wycheproof says; `acceptable` ones are to be refused. */
function deviations(suite: string): string[] {
  return (suites[suite] ?? []).flatMap((group) => {
    const key = Buffer.from(group.publicKeyDer, 'hex');
    return group.tests
      .filter((vector) => accepts(suite, key, vector) !== (vector.result === 'valid'))
      .map(({ tcId, comment }) => `${suite} ${tcId}: ${comment}`);
  });
}

const idOf = (deviation: string): string => deviation.slice(0, deviation.indexOf(':'));

describe('Wycheproof', () => {
  const found = new Map(Object.keys(suites).map((suite) => [suite, deviations(suite)]));

  test.each(Object.keys(suites))('%s', (suite) => {
    expect(suites[suite]?.flatMap(({ tests }) => tests).length).toBeGreaterThan(100);
    expect(found.get(suite)?.filter((deviation) => exceptions[idOf(deviation)] === undefined)).toEqual([]);
  });

  test('no exception is stale, and each says why', () => {
    const deviating = new Set([...found.values()].flat().map(idOf));
    expect(Object.keys(exceptions).filter((id) => !deviating.has(id))).toEqual([]);
    for (const [id, why] of Object.entries(exceptions)) expect(why.length, id).toBeGreaterThan(40);
  });
});
