import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Authority } from '#ca/authority/authority.ts';
import { advance, type LifecycleContext } from '#ca/authority/lifecycle.ts';
import type { AuthorityTimestamps } from '#ca/authority/phase.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { openSqliteLedger } from '#ledger/sqlite-ledger.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { type Hierarchy, hierarchy, now, serial } from './support/hierarchy.ts';
import { generation } from './support/signers-lab.ts';

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openSqliteLedger({ path: join(scratchDirectory(), 'ledger.db') });
});
afterAll(() => ledger.close());

interface Lab {
  readonly made: Hierarchy;
  readonly context: LifecycleContext;
  readonly standing: () => Authority;
}

/** One authority that was published, and another writer who interferes right behind our write. */
async function lab(interfere: (now: AuthorityTimestamps) => AuthorityTimestamps): Promise<Lab> {
  const made = await hierarchy(ledger);
  let standing: Authority = { ...generation(made, 1), timestamps: { createdAt: now } };
  const context: LifecycleContext = {
    store: {
      observed: () => Promise.resolve([standing]),
      remembered: () => [standing],
      read: () => Promise.resolve([standing]),
      create: () => Promise.reject(new Error('there is one already')),
      async write(authority, { timestamps }) {
        const ours = { ...authority.timestamps, ...timestamps };
        standing = { ...standing, timestamps: interfere(ours) };
      },
      rootKey: () => Promise.resolve(made.root.key),
      serverTime: () => now + 10,
    },
    crypto: webCrypto('node'),
    newSerial: serial,
    confirmNew: () => Promise.resolve(),
    ensureTrustBundle: () => Promise.resolve('east.test'),
    checkPublished: () => Promise.resolve({ published: true, message: 'all targets hold it' }),
  };
  return { made, context, standing: () => standing };
}

function bring({ made, context }: Lab): ReturnType<typeof advance> {
  const owner = { name: 'mesh', trustDomain: made.spec.trustDomain };
  return advance(owner, made.spec, { generations: [], publishedSignerNames: [] }, context);
}

test('alone, an authority that is published becomes Active, one write after the other', async () => {
  const alone = await lab((timestamps) => timestamps);
  const { authorities, publishedSignerNames } = await bring(alone);
  expect(authorities[0]?.timestamps).toEqual({
    createdAt: now,
    publishedAt: now + 10,
    activatedAt: now + 10,
  });
  expect(publishedSignerNames).toEqual(alone.made.spec.signerNames);
});

test.each<[string, (ours: AuthorityTimestamps) => AuthorityTimestamps, string]>([
  ['taints it', (ours) => ({ ...ours, taintedAt: now + 11 }), 'is Tainted after it was made Prepared'],
  ['retires it', (ours) => ({ ...ours, retiredAt: now + 11 }), 'is Retired after it was made Prepared'],
  [
    'overwrites our timestamp',
    ({ createdAt }) => ({ createdAt }),
    'mesh-authority-1 is Created after it was made Prepared',
  ],
  [
    'taints it behind the activation',
    (ours) => (ours.activatedAt === undefined ? ours : { ...ours, taintedAt: now + 11 }),
    'is Tainted after it was made Active',
  ],
])(
  'another writer %s in the same moment: the transition is lost, and said',
  async (_, interfere, message) => {
    const disturbed = await lab(interfere);
    await expect(bring(disturbed)).rejects.toMatchObject({
      code: 'CA_TRANSITION_LOST',
      message: expect.stringContaining(message),
    });
  },
);
