import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '#ops/metrics.ts';
import { controlPlane } from '../../support/control-plane.ts';
import { install, until } from '../../support/installation.ts';
import { apply } from '../support/permissions.ts';
import { eventually, signerOf, trustBundle } from '../support/publisher.ts';
import { type OpenScene, openScene, targetName } from '../support/scene.ts';
import { rootPem, type Sources, sourcesOf } from '../support/sources.ts';

let scene: OpenScene;
let sources: Sources;

beforeAll(async () => {
  scene = await openScene('bundles-observed');
  sources = sourcesOf(scene);
});

afterAll(() => scene.client.close());

describe('the metrics of a bundle', () => {
  it('have no target and no source that left the specification, and none at all of a former leader', async () => {
    const domain = 'spec.observed.test';
    const metrics = createMetrics({ version: 'test' });
    onTestFinished(() => metrics.close());
    const publisher = sources.start(domain, { observer: metrics.bundles });
    const told = async (what: string) => {
      const { body } = await metrics.scrape();
      return body.split('\n').filter((line) => line.includes(`bundle="${domain}"`) && line.includes(what));
    };
    const [[, one], [, two]] = [await rootPem(), await rootPem()];
    const inline = (name: string, pem: string) => ({ inline: { name, pem } });
    const target = (channel: 'live' | 'canary') => ({
      clusterTrustBundle: { signerName: signerOf(domain), channel },
    });
    const both = {
      sources: [inline('one', one), inline('two', two)],
      targets: [target('live'), target('canary')],
    };
    await apply(scene.kubectl, trustBundle(domain, [], both));
    const canary = `target="${targetName(domain)}.canary"`;
    await eventually(async () => {
      expect(await told(canary)).toHaveLength(2);
      expect(await told('source="inline/two"')).toHaveLength(2);
      return true;
    });
    const { sources: all, targets } = both;
    await apply(
      scene.kubectl,
      trustBundle(domain, [], { sources: all.slice(0, 1), targets: targets.slice(0, 1) }),
    );
    await eventually(async () => {
      expect(await told(canary)).toEqual([]);
      expect(await told('source="inline/two"')).toEqual([]);
      expect((await told('target=')).length).toBeGreaterThan(0);
      return true;
    });
    publisher.leading = false;
    publisher.controller.standDown();
    expect((await told('')).filter((line) => !line.includes('_total{'))).toEqual([]);
    publisher.leading = true;
    publisher.controller.resync();
    await eventually(async () => (await told('mangrove_bundle_anchors')).length === 1);
  });

  it('are gone from a replica whose Lease somebody else took', async () => {
    const installation = await install(await controlPlane());
    onTestFinished(() => installation.stop());
    await installation.createAuthority();
    const { health } = await installation.start();
    await installation.readyAuthority();
    const { namespace, kubectl } = installation;
    const scraped = async () => (await fetch(`http://127.0.0.1:${health.port}/metrics`)).text();
    await until('it publishes', async () => (await scraped()).includes('mangrove_bundle_anchors{'));
    const spec = { holderIdentity: 'somebody', renewTime: '2100-01-01T00:00:00.000000Z' };
    const patch = ['patch', 'lease', 'mangrove-leader', '-n', namespace, '--type=merge', '-p'];
    await kubectl([...patch, JSON.stringify({ spec })]);
    await until('it leads no more', async () => /^mangrove_leader 0$/m.test(await scraped()));
    expect(await scraped()).not.toMatch(/^mangrove_bundle_(?!target_writes_total).*\{/m);
  });
});
