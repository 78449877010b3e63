import { generateKeyPairSync } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import type { BundleControllerOptions } from '#bundles/controller.ts';
import { apply } from './permissions.ts';
import { type Publisher, startPublisher, trustBundle } from './publisher.ts';
import { makeRoot, pem } from './roots.ts';
import { known, type OpenScene } from './scene.ts';

/** What tests of sources do again and again, in the namespace of sources of a scene. */
export function sourcesOf(scene: OpenScene) {
  const { kubectl, sources: namespace } = scene;

  function start(domain: string, more: Partial<BundleControllerOptions> = {}): Publisher {
    const { client = scene.client, ...options } = more;
    const publisher = startPublisher(client, {
      sources: { namespace, directory: scene.directory },
      handles: ({ spec }) => spec.trustDomain === domain,
      ...options,
    });
    onTestFinished(() => publisher.stop());
    return publisher;
  }

  async function applyObject(kind: string, name: string, more: Record<string, unknown>): Promise<void> {
    const { labels = {}, ...content } = more;
    await apply(kubectl, { apiVersion: 'v1', kind, metadata: { name, namespace, labels }, ...content });
  }

  const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) =>
    applyObject('ConfigMap', name, { data, labels });
  const secret = (name: string, stringData: Record<string, string>, type = 'Opaque') =>
    applyObject('Secret', name, { stringData, type });
  const remove = async (kind: string, name: string): Promise<void> => {
    await kubectl(['delete', kind, name, '-n', namespace]);
  };

  /** A bundle with an authority of the same name and one more source; the root of the authority. */
  async function beside(
    publisher: Publisher,
    domain: string,
    source: Record<string, unknown>,
    more: Record<string, unknown> = {},
  ): Promise<Buffer> {
    const own = await makeRoot({ subject: `CN=${domain}` });
    publisher.setAuthority(domain, known(domain, own));
    const sources = [{ authority: { name: domain } }, source];
    await apply(kubectl, trustBundle(domain, [], { sources, ...more }));
    return own;
  }

  /** Neither status nor events have a line of this text in them; nor has `more`. */
  async function expectUnquoted(domain: string, text: string, more: unknown): Promise<void> {
    const selector = `involvedObject.name=${domain}`;
    const events = await kubectl([
      'get',
      'events',
      '-n',
      'default',
      '--field-selector',
      selector,
      '-o',
      'json',
    ]);
    expect(events).toContain('SourceInvalid');
    const told = JSON.stringify([await scene.bundleOf(domain), events, more]);
    for (const line of text.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))) {
      expect(told).not.toContain(line.slice(0, 12));
    }
  }

  return { start, configMap, secret, remove, beside, expectUnquoted };
}

export type Sources = ReturnType<typeof sourcesOf>;

export const rootPem = async (): Promise<readonly [Buffer, string]> => {
  const root = await makeRoot();
  return [root, pem(root)];
};

export const privateKeyPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
