import { expect, it, onTestFinished } from 'vitest';
import { createAnnouncer } from '#bundles/controller/announcement.ts';
import { leaving } from '#bundles/controller/retired-target.ts';
import { MangroveError } from '#errors/error.ts';
import { createMetrics } from '#ops/metrics.ts';
import { silent } from '../../kube/lab.ts';
import { placedEntry } from '../support/fake-cluster.ts';

const target = { kind: 'configMap', name: 'roots' } as const;

/** One that is published to two targets, of which one could not be read back. */
function published() {
  const metrics = createMetrics({ version: 'test' });
  onTestFinished(() => metrics.close());
  const announcer = createAnnouncer({
    log: silent,
    events: { record: () => undefined },
    observer: metrics.bundles,
  });
  metrics.bundles.targets('east.test', ['configMap/roots', 'x']);
  metrics.bundles.verified('east.test', 'x', 1_740_000_000);
  metrics.bundles.verified('east.test', 'configMap/roots', 1_740_000_000);
  metrics.bundles.placed('east.test', 'configMap/roots', { holding: 3, failing: 0, pending: 1 });
  metrics.bundles.unread('east.test', 'configMap/roots', true);
  const gauges = async () =>
    (await metrics.scrape()).body
      .split('\n')
      .filter((line) => /^mangrove_bundle_(target_(un|ver)|placements)/.test(line))
      .map((line) => line.replace(/^mangrove_bundle_/, '').replaceAll(/bundle="east.test",|target=/g, ''));
  return { announcer, gauges };
}

it('while a TrustBundle is being deleted the gauges tell of what is left and of nothing else', async () => {
  const { announcer, gauges } = published();
  const placements = {
    namespaces: 2,
    holding: 0,
    failing: 2,
    pending: 0,
    failures: [],
    verifiedAt: undefined,
  };
  const { object } = placedEntry('east.test', 'roots');
  announcer.ending(object, [{ ...leaving(target, undefined), placements }]);
  expect((await gauges()).toSorted()).toEqual([
    'placements{"configMap/roots",state="failing"} 2',
    'placements{"configMap/roots",state="holding"} 0',
    'placements{"configMap/roots",state="pending"} 0',
  ]);
});

it('while a specification cannot be read nothing waits to be read back', async () => {
  const { announcer, gauges } = published();
  const { object } = placedEntry('east.test', 'roots');
  const told = { ...object, status: { targets: [target] } };
  announcer.announce(told, { invalid: new MangroveError('BUNDLE_SPEC_INVALID', 'it is not to be read') });
  expect(await gauges()).toContain('target_unread{"configMap/roots"} 0');
});
