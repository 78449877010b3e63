import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import {
  clusterTrustBundleName,
  corrected,
  desiredClusterTrustBundle,
  differences,
} from '#bundles/target/cluster-trust-bundle.ts';
import { dnsSubdomain } from '#errors/syntax.ts';
import { fabricatedAnchor } from '../support/fabricate.ts';
import { pem } from '../support/roots.ts';

const live = { signerName: 'mangrove.dev/workload', channel: 'live' } as const;
const canary = { ...live, channel: 'canary' } as const;
const hashed = (text: string) => `h-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;

describe('name of a ClusterTrustBundle', () => {
  it('is the signer with a colon for the slash, then the trust domain, then the channel', () => {
    expect(clusterTrustBundleName(live, 'east.test')).toBe('mangrove.dev:workload:east.test');
    expect(clusterTrustBundleName(canary, 'east.test')).toBe('mangrove.dev:workload:east.test.canary');
  });

  it('is what the spec says, where it says a name', () => {
    expect(clusterTrustBundleName({ ...live, name: 'mangrove.dev:workload:corp' }, 'east.test')).toBe(
      'mangrove.dev:workload:corp',
    );
  });

  it.each(['under_score.test', '-a.test', 'a..test', 'a.test.', '_'])(
    'hashes the trust domain %s, which is no DNS name',
    (trustDomain) => {
      expect(clusterTrustBundleName(live, trustDomain)).toBe(`mangrove.dev:workload:${hashed(trustDomain)}`);
    },
  );

  it('hashes a trust domain that is too long in either channel, so that both share their stem', () => {
    const longest = `${'a.'.repeat(122)}bc`;
    expect(longest).toHaveLength(246);
    expect(clusterTrustBundleName(canary, longest)).toBe(`mangrove.dev:workload:${longest}.canary`);
    const longer = `${longest}d`;
    expect(clusterTrustBundleName(live, longer)).toBe(`mangrove.dev:workload:${hashed(longer)}`);
    expect(clusterTrustBundleName(canary, longer)).toBe(`mangrove.dev:workload:${hashed(longer)}.canary`);
  });

  it('always keeps the rules of the API server', () => {
    const trustDomain = fc.stringMatching(/^[a-z0-9._-]{1,255}$/);
    fc.assert(
      fc.property(trustDomain, fc.constantFrom(live, canary), (domain, target) => {
        const name = clusterTrustBundleName(target, domain);
        const suffix = name.slice('mangrove.dev:workload:'.length);
        expect(suffix).toMatch(dnsSubdomain);
        expect(suffix.length).toBeLessThanOrEqual(253);
      }),
    );
  });
});

describe('desired ClusterTrustBundle', () => {
  const bundle = makeBundle('under_score.test', [fabricatedAnchor('one'), fabricatedAnchor('two')]);
  const desired = desiredClusterTrustBundle(live, bundle, 'h-0123456789abcdef');
  const object = {
    metadata: {
      name: desired.name,
      labels: { ...desired.labels, team: 'blue' },
      annotations: { ...desired.annotations, note: 'kept' },
    },
    spec: { signerName: 'mangrove.dev/workload', trustBundle: bundle.pem },
  };

  it('carries the channel, the full trust domain, its owner and the hash of the bundle', () => {
    expect(desired.labels).toEqual({
      'app.kubernetes.io/managed-by': 'mangrove',
      'mangrove.dev/channel': 'live',
    });
    expect(desired.annotations).toEqual({
      'mangrove.dev/trust-domain': 'under_score.test',
      'mangrove.dev/trust-bundle': 'h-0123456789abcdef',
      'mangrove.dev/bundle-sha256': createHash('sha256').update(bundle.pem).digest('hex'),
    });
  });

  it('does not differ from an object with labels and annotations of others', () => {
    expect(differences(object, desired)).toEqual([]);
  });

  it('does not differ from the same set in another order', () => {
    const reordered = bundle.anchors
      .toReversed()
      .map((anchor) => pem(anchor.der))
      .join('\n');
    expect(reordered).not.toBe(bundle.pem);
    expect(differences({ ...object, spec: { ...object.spec, trustBundle: reordered } }, desired)).toEqual([]);
  });

  it.each([
    ['an anchor missing', pem(bundle.anchors[0].der)],
    ['an anchor too many', bundle.pem + pem(fabricatedAnchor('three').der)],
    ['another anchor', pem(bundle.anchors[0].der) + pem(fabricatedAnchor('three').der)],
    ['text between the blocks', bundle.pem.replace('-----\n-----', '-----\nhello\n-----')],
    [
      'a damaged block besides the whole set',
      `${bundle.pem}-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n`,
    ],
    ['nothing', ''],
  ])('differs from a bundle with %s', (_what, trustBundle) => {
    expect(differences({ ...object, spec: { ...object.spec, trustBundle } }, desired)).toEqual([
      'trustBundle',
    ]);
  });

  it('differs when a label or an annotation of ours is changed or gone', () => {
    const bare = {
      ...object,
      metadata: { name: desired.name, labels: { 'mangrove.dev/channel': 'canary' } },
    };
    expect(differences(bare, desired)).toEqual([
      'label app.kubernetes.io/managed-by',
      'label mangrove.dev/channel',
      'annotation mangrove.dev/trust-domain',
      'annotation mangrove.dev/trust-bundle',
      'annotation mangrove.dev/bundle-sha256',
    ]);
  });

  it('is reached by a correction that keeps what belongs to others', () => {
    const wrong = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: '7', labels: { team: 'blue' } },
      spec: { ...object.spec, trustBundle: 'garbage' },
    };
    const repaired = corrected(wrong, desired);
    expect(differences(repaired, desired)).toEqual([]);
    expect(repaired.spec.trustBundle).toBe(bundle.pem);
    expect(repaired.metadata).toMatchObject({
      resourceVersion: '7',
      labels: { team: 'blue' },
      annotations: { note: 'kept' },
    });
  });

  it('leaves an equal PEM text alone while it repairs a label', () => {
    const reordered = bundle.anchors
      .toReversed()
      .map((anchor) => pem(anchor.der))
      .join('');
    const repaired = corrected(
      { metadata: { name: desired.name }, spec: { trustBundle: reordered } },
      desired,
    );
    expect(repaired.spec.trustBundle).toBe(reordered);
  });
});
