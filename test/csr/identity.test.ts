import { describe, expect, test } from 'vitest';
import { requesterIdentity } from '#csr/request/identity.ts';

const pod = {
  'authentication.kubernetes.io/pod-name': ['web-0'],
  'authentication.kubernetes.io/pod-uid': ['p-1'],
};
const node = {
  'authentication.kubernetes.io/node-name': ['n1'],
  'authentication.kubernetes.io/node-uid': ['n-1'],
};
const username = 'system:serviceaccount:shop:web';

describe('requesterIdentity', () => {
  test('a bound token gives service account, pod and node with their UIDs', () => {
    expect(requesterIdentity({ username, uid: 's-1', extra: { ...pod, ...node } })).toEqual({
      username,
      namespace: 'shop',
      serviceAccount: { name: 'web', uid: 's-1' },
      pod: { name: 'web-0', uid: 'p-1' },
      node: { name: 'n1', uid: 'n-1' },
    });
  });

  test('a token without pod or node stands for its service account alone', () => {
    const identity = requesterIdentity({ username, uid: 's-1' });
    expect(identity.pod).toBeUndefined();
    expect(identity.node).toBeUndefined();
  });

  test.each([
    ['a user', 'alice', 'u'],
    ['a node', 'system:node:n1', 'u'],
    ['no name at all', undefined, 'u'],
    ['a service account without UID', username, ''],
    ['too few parts', 'system:serviceaccount:shop', 'u'],
    ['too many parts', 'system:serviceaccount:shop:web:x', 'u'],
    ['an empty namespace', 'system:serviceaccount::web', 'u'],
    ['an empty name', 'system:serviceaccount:shop:', 'u'],
    ['a prefix in other case', 'System:ServiceAccount:shop:web', 'u'],
  ])('%s is refused', (_case, name, uid) => {
    expect(() => requesterIdentity({ ...(name === undefined ? {} : { username: name }), uid })).toThrow(
      expect.objectContaining({ code: 'CSR_REQUESTER_NOT_SERVICE_ACCOUNT' }),
    );
  });

  test.each([
    ['a pod name without UID', { 'authentication.kubernetes.io/pod-name': ['web-0'] }],
    ['a pod UID without name', { 'authentication.kubernetes.io/pod-uid': ['p-1'] }],
    ['a node name without UID', { ...pod, 'authentication.kubernetes.io/node-name': ['n1'] }],
    ['two pod UIDs', { ...pod, 'authentication.kubernetes.io/pod-uid': ['p-1', 'p-2'] }],
  ])('%s is refused, not downgraded', (_case, extra) => {
    expect(() => requesterIdentity({ username, uid: 's-1', extra })).toThrow(
      expect.objectContaining({ code: 'CSR_REQUESTER_BINDING' }),
    );
  });

  test('keys of the prototype are not extras', () => {
    expect(
      requesterIdentity({ username, uid: 's-1', extra: JSON.parse('{"__proto__":["x"]}') }).pod,
    ).toBeUndefined();
  });
});
