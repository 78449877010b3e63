import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Authority } from '#ca/authority/authority.ts';
import { trustedRoots } from '#ca/authority/controller/anchors.ts';
import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import { Cache } from '#kube/cache.ts';
import { objectKey } from '#kube/object.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { hierarchy, now } from './support/hierarchy.ts';
import { certificateAuthority, generation } from './support/signers-lab.ts';

let old: Authority;
let successor: Authority;

beforeAll(async () => {
  const ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
  old = generation(await hierarchy(ledger), 1);
  successor = generation(await hierarchy(ledger), 2);
  return () => ledger.close();
});

function rootsOf(...generations: readonly Authority[]) {
  const authorities = new Cache<CertificateAuthority>();
  const { name } = certificateAuthority().metadata;
  const known = [old, successor].map(({ generation: number, id }) => ({
    generation: number,
    id,
    phase: 'Active',
  }));
  const status = { ...certificateAuthority().status, authorities: known };
  const raw = { ...certificateAuthority(), status } as unknown as CertificateAuthority;
  authorities.set(objectKey(undefined, name), raw, { uid: 'u-1', resourceVersion: '1' });
  const store = { remembered: () => generations, observed: () => Promise.resolve(generations) };
  return trustedRoots(name, { authorities, store });
}

const at = (authority: Authority, more: Partial<AuthorityTimestamps>): Authority => ({
  ...authority,
  timestamps: { ...authority.timestamps, ...more },
});

describe('the roots that a bundle gets of an authority', () => {
  test('are those of every generation, whatever phase it is in, until it is retired', () => {
    const both = { state: 'known', anchors: [old.certificate.der, successor.certificate.der] };
    // The second signs, so the first drains: what it signed lives on.
    expect(rootsOf(old, successor)).toMatchObject(both);
    expect(rootsOf(at(old, { taintedAt: now }), successor)).toMatchObject(both);
    expect(rootsOf(at(old, { retiredAt: now }), successor)).toMatchObject({
      state: 'known',
      anchors: [successor.certificate.der],
    });
  });

  test('are never fewer because a Secret is lost', () => {
    expect(rootsOf(successor)).toMatchObject({ state: 'pending' });
  });
});
