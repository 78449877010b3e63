import { describe, expect, it } from 'vitest';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import { makeBundle } from '#bundles/bundle/bundle.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import { channelsOf, contentFor, type PromotedSet } from '#bundles/target/channels.ts';
import type { NamedTarget } from '#bundles/target/named-target.ts';
import { MangroveError } from '#errors/error.ts';
import { fabricatedAnchor, fabricatedAssembly } from '../support/fabricate.ts';

const trustDomain = 'east.test';
const expiry = 2_000;
const now = 1_000_000;
const [one, two, three] = ['one', 'two', 'three'].map((text) => fabricatedAnchor(text)) as [
  Anchor,
  Anchor,
  Anchor,
];
const brief = fabricatedAnchor('brief', { notAfter: expiry });

const hashOf = (...anchors: Anchor[]): string => makeBundle(trustDomain, anchors).sha256;

const gives = fabricatedAssembly;

const promoted = (...anchors: Anchor[]): PromotedSet => ({
  hash: hashOf(...anchors),
  time: '1970-01-01T00:00:00Z',
  anchors: anchors.map(({ sha256, notAfter }) => ({
    sha256,
    notAfter: new Date(notAfter * 1000).toISOString(),
  })),
});

interface Asked {
  readonly wanted?: string;
  readonly assembly: Assembly;
  readonly before?: PromotedSet;
  readonly have?: readonly Anchor[];
  readonly isComplete?: boolean;
  readonly at?: number;
}

function ask({ wanted, assembly, before, have = [], isComplete = true, at = now }: Asked) {
  const bytes = [...have, ...(assembly.bundle?.anchors ?? [])];
  const channels = channelsOf({
    trustDomain,
    wanted,
    assembly,
    before,
    bytes: new Map(bytes.map((anchor) => [anchor.sha256, anchor])),
    isComplete,
    now: at,
  });
  const { live, canary, promotion, promoted, announced, changesAt } = channels;
  const code = live.error instanceof MangroveError ? live.error.code : undefined;
  return {
    live: live.bundle?.sha256,
    canary: canary.bundle?.sha256,
    code,
    growOnly: live.partial,
    state: promotion.state,
    promotion,
    promoted: promoted?.hash,
    announced,
    changesAt,
  };
}

describe('what live targets hold', () => {
  it('is what the sources give where nobody asks for promotions, and what was promoted is forgotten', () => {
    const assembly = { ...gives(one), partial: true };
    expect(ask({ assembly, before: promoted(two) })).toMatchObject({
      live: hashOf(one),
      canary: hashOf(one),
      growOnly: true,
      state: 'unasked',
      promoted: undefined,
    });
  });

  it('is what the sources give when its hash is named', () => {
    expect(ask({ wanted: hashOf(one), assembly: gives(one) })).toMatchObject({
      live: hashOf(one),
      state: 'promoted',
      promoted: hashOf(one),
      announced: false,
    });
  });

  it('stays the promoted set when the sources change, and what would change is told', () => {
    const before = promoted(one, two);
    const asked = ask({ wanted: before.hash, assembly: gives(two, three), before, have: [one] });
    expect(asked).toMatchObject({ live: hashOf(one, two), canary: hashOf(two, three), growOnly: false });
    expect(asked.promotion).toEqual({ state: 'pending', joining: [three], leaving: [one] });
  });

  it('changes to another set only once the status tells of it', () => {
    const [before, wanted] = [promoted(one), hashOf(two)];
    const first = ask({ wanted, assembly: gives(two), before, have: [one] });
    expect(first).toMatchObject({ live: hashOf(one), promoted: wanted, announced: true, state: 'pending' });
    expect(ask({ wanted, assembly: gives(two), before: promoted(two) })).toMatchObject({
      live: wanted,
      announced: false,
      state: 'promoted',
    });
  });

  it('is not taken back by sources that have changed since', () => {
    const before = promoted(two);
    const asked = ask({ wanted: before.hash, assembly: gives(), before, have: [two] });
    expect(asked).toMatchObject({ live: hashOf(two), canary: undefined, state: 'unread' });
  });

  it('does not change for a hash that nothing has', () => {
    const [before, wanted] = [promoted(one), 'f'.repeat(64)];
    const asked = ask({ wanted, assembly: gives(two), before, have: [one] });
    expect(asked).toMatchObject({ live: hashOf(one), state: 'refused', promoted: hashOf(one) });
    const message = expect.stringMatching(new RegExp(`${wanted}.*${hashOf(two)}.*${hashOf(one)}`));
    expect(asked.promotion).toMatchObject({ error: { code: 'BUNDLE_PROMOTION_UNKNOWN', message } });
    // Before anything was promoted: what is there stays.
    expect(ask({ wanted, assembly: gives(two) })).toMatchObject({
      live: undefined,
      canary: hashOf(two),
      code: 'BUNDLE_PROMOTION_UNKNOWN',
      promoted: undefined,
    });
  });

  it('is judged only when every source is read', () => {
    const assembly = { ...gives(two), partial: true };
    const before = promoted(one);
    const asked = { wanted: 'f'.repeat(64), assembly, have: [one] };
    expect(ask({ ...asked, before })).toMatchObject({ live: hashOf(one), state: 'unread' });
    expect(ask(asked)).toMatchObject({ live: undefined, state: 'unread', code: 'BUNDLE_SOURCE_PENDING' });
    expect(ask({ ...asked, wanted: before.hash, before })).toMatchObject({
      live: hashOf(one),
      state: 'unread',
    });
  });

  it('loses a root when it expires, and needs its bytes no more', () => {
    const before = promoted(one, brief);
    const asked = { wanted: before.hash, assembly: gives(one), before };
    const valid = ask({ ...asked, have: [brief], at: expiry * 1000 });
    expect(valid).toMatchObject({ live: hashOf(one, brief), state: 'pending', changesAt: expiry + 1 });
    const at = (expiry + 1) * 1000;
    for (const have of [[brief], []]) {
      expect(ask({ ...asked, have, at })).toMatchObject({
        live: hashOf(one),
        state: 'promoted',
        promoted: before.hash,
      });
    }
    expect(ask({ ...asked, before: promoted(brief), wanted: hashOf(brief), at })).toMatchObject({
      live: undefined,
      code: 'BUNDLE_EMPTY',
    });
  });

  it('stays as it is when the bytes of a promoted root are nowhere', () => {
    const before = promoted(one, two);
    const asked = { wanted: before.hash, assembly: gives(one, three), before };
    expect(ask(asked)).toMatchObject({ live: undefined, code: 'BUNDLE_PROMOTED_LOST', state: 'refused' });
    expect(ask({ ...asked, isComplete: false })).toMatchObject({
      live: undefined,
      code: 'BUNDLE_TARGET_UNAVAILABLE',
      state: 'unread',
    });
  });
});

it('canaries alone hold what the sources give', () => {
  const content = { canary: gives(one), live: gives(two) };
  const common = { name: 'x', required: true };
  const bundle = (channel: 'live' | 'canary'): NamedTarget => ({
    ...common,
    kind: 'clusterTrustBundle',
    spec: { channel, signerName: 'a.b/c' },
  });
  expect(contentFor(bundle('canary'), content)).toBe(content.canary);
  expect(contentFor(bundle('live'), content)).toBe(content.live);
  const file: NamedTarget = { ...common, kind: 'file', spec: { name: 'x', format: 'pem' } };
  expect(contentFor(file, content)).toBe(content.live);
});
