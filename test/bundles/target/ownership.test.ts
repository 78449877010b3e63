import { describe, expect, it } from 'vitest';
import { requireOwned } from '#bundles/target/ownership.ts';

const what = 'ClusterTrustBundle mangrove.dev:workload:east.test';
const claimant = { name: 'east.test', trustDomain: 'east.test', knownUid: undefined };

function object(labels: Record<string, string>, annotations: Record<string, string>) {
  const metadata = { name: 'mangrove.dev:workload:east.test', uid: 'u-1', labels, annotations };
  return { metadata, spec: { trustBundle: '' } };
}

const managed = { 'app.kubernetes.io/managed-by': 'mangrove' };
const domain = { 'mangrove.dev/trust-domain': 'east.test' };

describe('an object is ours', () => {
  it.each([
    ['that names this TrustBundle', managed, { ...domain, 'mangrove.dev/trust-bundle': 'east.test' }],
    ['whose managed-by label was removed', {}, { ...domain, 'mangrove.dev/trust-bundle': 'east.test' }],
    ['that another TrustBundle left behind', managed, { ...domain, 'mangrove.dev/trust-bundle': 'old' }],
  ])('%s', (_what, labels, annotations) => {
    expect(() => requireOwned(object(labels, annotations), claimant, what)).not.toThrow();
  });

  it('that lost every mark of ours, when its UID is known from before', () => {
    expect(() => requireOwned(object({}, {}), { ...claimant, knownUid: 'u-1' }, what)).not.toThrow();
  });
});

describe('an object is foreign', () => {
  it.each([
    ['without any mark', {}, {}],
    ['with the label alone', managed, domain],
    [
      'of another manager',
      { 'app.kubernetes.io/managed-by': 'Helm' },
      { 'mangrove.dev/trust-bundle': 'old' },
    ],
    [
      'of another trust domain',
      managed,
      {
        'mangrove.dev/trust-domain': 'west.test',
        'mangrove.dev/trust-bundle': 'east.test',
      },
    ],
  ])('%s', (_what, labels, annotations) => {
    expect(() => requireOwned(object(labels, annotations), claimant, what)).toThrow(
      expect.objectContaining({ code: 'BUNDLE_TARGET_FOREIGN' }),
    );
  });

  it('that took the name of one whose UID is known', () => {
    expect(() => requireOwned(object({}, {}), { ...claimant, knownUid: 'u-0' }, what)).toThrow(
      expect.objectContaining({ code: 'BUNDLE_TARGET_FOREIGN' }),
    );
  });
});
