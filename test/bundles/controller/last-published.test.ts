import { describe, expect, it } from 'vitest';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import { publishedNow } from '#bundles/controller/last-published.ts';
import { type TargetReport, unseenTarget } from '#bundles/controller/target-report.ts';
import { shrinkage } from '#bundles/source/shrink.ts';
import { MangroveError } from '#errors/error.ts';
import { fabricatedAnchor, fabricatedAssembly } from '../support/fabricate.ts';

const now = 1_800_000_000_000;
const one = fabricatedAnchor('one');
const roots: readonly Anchor[] = [one, ...['two', 'three', 'four'].map((name) => fabricatedAnchor(name))];
const refused = new MangroveError('BUNDLE_TARGET_FOREIGN', 'somebody else made it');
const live = unseenTarget({ kind: 'clusterTrustBundle', name: 'live' });
const maps = unseenTarget({ kind: 'configMap', name: 'roots' });
const counts = { namespaces: 2, failing: 1, pending: 0, failures: [], verifiedAt: undefined };

function published(...targets: readonly TargetReport[]) {
  const assembly = fabricatedAssembly(...roots);
  const before = { anchors: [], unseen: [], removals: [] };
  return publishedNow({ assembly, targets, readings: [], before, now });
}

describe('what was published', () => {
  it.each<[string, readonly TargetReport[]]>([
    ['by all', [live, maps]],
    ['while one target fails', [live, { ...maps, error: refused }]],
    ['while one namespace refuses', [{ ...maps, error: refused, placements: { ...counts, holding: 1 } }]],
  ])('%s, is not lost without consent', (_title, targets) => {
    const before = published(...targets);
    if (before === undefined) throw new Error('nothing was published');
    const given = { anchors: new Set([one.sha256]), authorities: new Set<string>() };
    const { withheld } = shrinkage({ before, limitPercent: 20, consent: [] }, given, now + 1000);
    expect(withheld).toHaveLength(3);
  });

  it('is nothing while every place refuses it', () => {
    const error = refused;
    expect(published({ ...live, error })).toBeUndefined();
    expect(published({ ...maps, error, placements: { ...counts, holding: 0 } })).toBeUndefined();
  });
});
