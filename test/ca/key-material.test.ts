import { execFileSync } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Secret } from '#kube/object.ts';
import { secrets } from '#kube/resource.ts';
import {
  answered,
  answerTo,
  askMany,
  failureOf,
  type Requester,
  requester,
} from '../csr/support/requester.ts';
import { controlPlane } from '../support/control-plane.ts';
import { type Installation, install } from '../support/installation.ts';
import { type ExposedReplica, secretOf, startExposedReplica } from './support/exposed-replica.ts';
import { type Finds, needles, search } from './support/needles.ts';

/** All that a replica lets out, and what it holds: its secrets are asked for when the rest was taken. */
interface Exposure {
  /** What was found in a heap snapshot, and in all memory. */
  readonly heap: Finds;
  readonly memory: Finds;
  readonly told: Buffer;
  readonly issuingKeys: readonly KeyObject[];
}

let on: Installation;
let web: Requester;
let first: ExposedReplica;
let root: KeyObject;
/** Of the replica that made the root, and of one that read it. Both signed. */
let maker: Exposure;
let reader: Exposure;

async function rootKey(): Promise<KeyObject> {
  const { namespace, authority, admin } = on;
  const { data } = await admin.get<Secret>(secrets, `${authority}-authority-1`, { namespace });
  const pem = Buffer.from(data?.['tls.key'] ?? '', 'base64');
  return createPrivateKey(pem);
}

async function expose(replica: ExposedReplica): Promise<Exposure> {
  const { decoy, port } = replica;
  const pages = ['metrics', 'readyz', 'livez'].map((page) => fetch(`http://127.0.0.1:${port}/${page}`));
  const answers = await Promise.all(pages.map(async (page) => Buffer.from(await (await page).arrayBuffer())));
  const heap = await replica.heapSnapshot();
  const memory = replica.memory();
  const told = Buffer.concat([...answers, replica.log()]);
  const issuingKeys = await replica.keys();
  const wanted = [
    ...needles(decoy, 'decoy'),
    ...needles(secretOf(root), 'root'),
    ...issuingKeys.flatMap((key) => needles(secretOf(key), 'issuing')),
  ];
  return { heap: search(heap, wanted), memory: search(memory, wanted), told, issuingKeys };
}

/** In which forms a key was found. */
function formsOf(key: 'decoy' | 'root' | 'issuing', finds: Finds): string[] {
  return Object.keys(finds)
    .filter((form) => form.startsWith(key))
    .map((form) => form.slice(key.length + 1));
}

beforeAll(async () => {
  on = await install(await controlPlane());
  await on.createAuthority();
  first = await startExposedReplica(on, 0);
  await on.readyAuthority();
  const second = await startExposedReplica(on, 1);
  web = await requester(on, 'web');
  for (const name of await askMany(web, on, 30)) await answered(on, name);
  root = await rootKey();
  maker = await expose(first);
  reader = await expose(second);
  await second.stop();
}, 120_000);
afterAll(async () => {
  await first.stop();
  await on.stop();
});

const none: Finds = {};

describe('a key', () => {
  test('that is kept carelessly is found: the search is good for something', () => {
    for (const { heap, memory } of [maker, reader]) {
      expect(formsOf('decoy', heap)).toContain('base64');
      expect(formsOf('decoy', memory)).toEqual(expect.arrayContaining(['base64', 'bytes']));
    }
  });

  test('of a root is in no heap, and after use in no memory either, not even in OpenSSL’s', () => {
    for (const { heap, memory } of [maker, reader]) {
      expect(formsOf('root', heap)).toEqual([]);
      expect(formsOf('root', memory)).toEqual([]);
    }
  });

  test('of an issuing certificate is in OpenSSL’s memory, as the number that it signs with, and nowhere else', () => {
    for (const { heap, memory, issuingKeys } of [maker, reader]) {
      expect(issuingKeys.length).toBeGreaterThan(0);
      expect(formsOf('issuing', heap)).toEqual([]);
      expect(formsOf('issuing', memory)).toEqual(['number']);
    }
  });

  test('is in no log line, metric or health page', () => {
    for (const { told, issuingKeys } of [maker, reader]) {
      expect(told.includes('certificate issued')).toBe(true);
      for (const key of [root, ...issuingKeys]) expect(search(told, needles(secretOf(key)))).toEqual(none);
    }
  });

  test('is in no object of the API server but the Secret of the root', async () => {
    const kinds = 'certificateauthorities,trustbundles,clustertrustbundles,csr,leases,events,configmaps';
    const objects = Buffer.from(await on.kubectl(['get', kinds, '--all-namespaces', '--output', 'json']));
    const secret = Buffer.from(
      await on.kubectl(['get', 'secrets', '--namespace', on.namespace, '--output', 'json']),
    );
    expect(objects.includes(on.authority)).toBe(true);
    for (const key of [root, ...maker.issuingKeys, ...reader.issuingKeys]) {
      expect(search(objects, needles(secretOf(key)))).toEqual(none);
    }
    expect(Object.keys(search(secret, needles(secretOf(root))))).toEqual(['PEM in base64']);
    for (const key of [...maker.issuingKeys, ...reader.issuingKeys]) {
      expect(search(secret, needles(secretOf(key)))).toEqual(none);
    }
  });
});

/** Whoever has such a key can prove that; it is refused all the same. */
test('the key of a root, of this replica or of one that is gone is refused in a request', async () => {
  const keys = [root, ...maker.issuingKeys, ...reader.issuingKeys];
  expect(keys).toHaveLength(3);
  for (const key of keys) {
    const input = key.export({ type: 'pkcs8', format: 'pem' });
    const script = 'cat | openssl req -new -subj / -key /dev/stdin';
    const request = execFileSync('sh', ['-c', script], { input, encoding: 'utf8' });
    expect(failureOf(await answerTo(web, on, request))?.reason).toBe('KeyIsAuthority');
  }
});
