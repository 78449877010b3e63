import { describe, expect, test } from 'vitest';
import { requesterIdentity } from '#csr/request/identity.ts';
import { checkLive, type LiveUids } from '#csr/signing-request/live-identity.ts';

const identity = requesterIdentity({
  username: 'system:serviceaccount:shop:web',
  uid: 's-1',
  extra: {
    'authentication.kubernetes.io/pod-name': ['web-0'],
    'authentication.kubernetes.io/pod-uid': ['p-1'],
    'authentication.kubernetes.io/node-name': ['n1'],
    'authentication.kubernetes.io/node-uid': ['n-1'],
  },
});

type Uids = Readonly<Record<string, string>>;
const live: Uids = { 'ServiceAccount shop/web': 's-1', 'Pod shop/web-0': 'p-1', 'Node /n1': 'n-1' };

function uids(observed: Uids, read: Uids): LiveUids & { readonly reads: string[] } {
  const reads: string[] = [];
  const key = (kind: string, namespace: string | undefined, name: string): string =>
    `${kind} ${namespace ?? ''}/${name}`;
  return {
    reads,
    observed: (kind, namespace, name) => observed[key(kind, namespace, name)],
    read: async (kind, namespace, name) => {
      reads.push(kind);
      return read[key(kind, namespace, name)];
    },
  };
}

describe('checkLive', () => {
  test('a requester that the watch shows alive costs no read', async () => {
    const source = uids(live, {});
    await checkLive(identity, source);
    expect(source.reads).toEqual([]);
  });

  test('what the watch does not show yet is read', async () => {
    const source = uids({}, live);
    await checkLive(identity, source);
    expect(source.reads).toEqual(['ServiceAccount', 'Pod', 'Node']);
  });

  test.each(Object.keys(live))('%s made again is somebody else', async (which) => {
    const now = { ...live, [which]: 'other' };
    await expect(checkLive(identity, uids(now, now))).rejects.toMatchObject({
      code: 'CSR_REQUESTER_REPLACED',
    });
  });

  test.each(Object.keys(live))('%s deleted is gone', async (which) => {
    const { [which]: _gone, ...now } = live;
    await expect(checkLive(identity, uids(live, now))).resolves.toBeUndefined();
    await expect(checkLive(identity, uids(now, now))).rejects.toMatchObject({ code: 'CSR_REQUESTER_GONE' });
  });

  test('a read that fails is not a refusal', async () => {
    const failing: LiveUids = {
      observed: () => undefined,
      read: () => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' })),
    };
    await expect(checkLive(identity, failing)).rejects.toThrow('down');
  });
});
