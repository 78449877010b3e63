import type { Bundle } from '#bundles/bundle/bundle.ts';
import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundle, TrustBundleSpec } from '#bundles/bundle/resource.ts';
import type { Announcer } from '#bundles/controller/announcement.ts';
import type { TrustBundleCache, TrustBundleEntry } from '#bundles/controller/entry.ts';
import { deletesTargets, finalized, isEnding } from '#bundles/controller/finalizer.ts';
import { recallPublished, recallSource, shownRoots } from '#bundles/controller/recall.ts';
import { type SourcePlaces, sourcesOf } from '#bundles/controller/sources.ts';
import { type Findings, needsWrite, trustBundleStatus } from '#bundles/controller/status.ts';
import type { TargetTools } from '#bundles/controller/target.ts';
import { isFailing, type TargetReport } from '#bundles/controller/target-report.ts';
import type { Targets } from '#bundles/controller/targets.ts';
import { type Assembly, assemble } from '#bundles/source/assembly.ts';
import { createSourceMemory, type SourceMemory, type SourceReading } from '#bundles/source/memory.ts';
import { CONSENT_ANNOTATION, consentOf, type LastPublished } from '#bundles/source/shrink.ts';
import type { Source } from '#bundles/source/source.ts';
import { errorCode } from '#errors/error.ts';
import { type Channels, channelsOf } from '#bundles/target/channels.ts';
import type { NamedTarget } from '#bundles/target/named-target.ts';
import type { ReconcileResult } from '#kube/controller.ts';
import { ignoreNotFound, isNotFound } from '#kube/error.ts';
import { trustBundles } from '#kube/resource.ts';

export interface ReconcilerOptions {
  readonly bundles: TrustBundleCache;
  readonly tools: TargetTools;
  readonly places: SourcePlaces;
  readonly targets: Targets;
  readonly announcer: Announcer;
  /** PEM of those of these roots that other targets than ClusterTrustBundles hold. */
  readonly elsewhere: (
    targets: readonly NamedTarget[],
    fingerprints: readonly string[],
    signal: AbortSignal,
  ) => Promise<string>;
  /** Targets are looked at, and the times in the status renewed, at least this often; ms. */
  readonly verifyMs: number;
}

export interface Reconciler {
  /** Brings the targets of one TrustBundle to what it says, and its status to what is. */
  reconcile(entry: TrustBundleEntry, signal: AbortSignal): Promise<ReconcileResult>;
  forget(bundle: string): void;
  /** Somebody else has led meanwhile: status and targets tell what is, and not what was seen before. */
  forgetAll(): void;
}

/** Of one TrustBundle, in memory only. */
interface Memory {
  readonly uid: string | undefined;
  readonly sources: SourceMemory;
  /** PEM of what was published before the start and no watch shows; undefined until it was looked for. */
  elsewhere: string | undefined;
  /** Of what is promoted. */
  kept: readonly Anchor[];
  /** What every target held when all was well last; undefined before that. */
  before: LastPublished | undefined;
}

/** While something is left of a TrustBundle that is being deleted. */
const endingMs = 2_000;

/** An expiry is waited for, but a timer may fire a moment too early. */
const MIN_REQUEUE_MS = 50;

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { bundles, tools, places, targets, announcer, verifyMs } = options;
  const { client, clock, api, step } = tools;
  const memories = new Map<string, Memory>();

  function memoryOf(entry: TrustBundleEntry, trustDomain: string): Memory {
    const { name, uid } = entry.object.metadata;
    const known = memories.get(name);
    if (known !== undefined && known.uid === uid) return known;
    const recall = (source: string) =>
      recallSource(source, bundles.getByKey(name)?.object.status, publishedBy(entry, memory));
    const sources = createSourceMemory({ trustDomain, now: () => clock.wall(), recall });
    const memory: Memory = { uid, sources, elsewhere: undefined, kept: [], before: undefined };
    memories.set(name, memory);
    return memory;
  }

  /** PEM of the targets, as the watch shows them, and as they were found at the start. */
  function publishedBy({ targets }: TrustBundleEntry, { elsewhere = '' }: Memory): string[] {
    const watched = targets
      .filter(({ kind }) => kind === 'clusterTrustBundle')
      .map(({ name }) => api.cache()?.get(undefined, name)?.spec.trustBundle ?? '');
    return [...watched, elsewhere];
  }

  /** What no watch shows of what is promoted; and where no ClusterTrustBundle is, all that was published is in ConfigMaps alone. */
  async function lookElsewhere(
    entry: TrustBundleEntry,
    memory: Memory,
    signal: AbortSignal,
  ): Promise<string> {
    const { anchors = [], promoted } = entry.object.status ?? {};
    const wanted = [...(promoted?.anchors ?? []), ...(api.isAbsent() ? anchors : [])];
    if (wanted.length === 0) return '';
    const shown = shownRoots(publishedBy(entry, memory));
    const missing = wanted.map(({ sha256 }) => sha256).filter((sha256) => !shown.has(sha256));
    return missing.length === 0 ? '' : options.elsewhere(entry.targets, missing, signal);
  }

  /** What live targets should hold, and canaries. */
  function channelsNow(
    entry: TrustBundleEntry,
    { trustDomain, promoted: wanted }: TrustBundleSpec,
    assembly: Assembly,
    memory: Memory,
  ): Channels {
    const before = entry.object.status?.promoted;
    const near = new Map(
      [...memory.kept, ...(assembly.bundle?.anchors ?? [])].map((one) => [one.sha256, one]),
    );
    const isNear = before === undefined || before.anchors.every(({ sha256 }) => near.has(sha256));
    const bytes = isNear ? near : new Map([...shownRoots(publishedBy(entry, memory)), ...near]);
    const isComplete = api.cache() !== undefined || api.isAbsent();
    const question = { trustDomain, wanted, assembly, before, bytes, isComplete, now: clock.wall() };
    const channels = channelsOf(question);
    memory.kept = channels.kept;
    // Somebody may put them back by hand.
    if (errorCode(channels.live.error) === 'BUNDLE_PROMOTED_LOST') memory.elsewhere = undefined;
    return channels;
  }

  async function find(entry: TrustBundleEntry, signal: AbortSignal): Promise<Findings> {
    const { object, spec } = entry;
    if (spec === undefined) return { invalid: entry.invalid };
    const { trustDomain } = spec;
    const memory = memoryOf(entry, trustDomain);
    memory.elsewhere ??= await lookElsewhere(entry, memory, signal);
    const sources = sourcesOf(object.metadata.name, spec, places);
    const readings = await memory.sources.read(sources);
    const now = clock.wall();
    const before = memory.before ?? recallPublished(object.status, publishedBy(entry, memory), now);
    const assembly = assemble(trustDomain, readings, Math.floor(now / 1000), {
      before,
      limitPercent: spec.maxShrinkPercent,
      // Who excludes a root by name has agreed to lose it.
      consent: [
        ...consentOf(object.metadata.annotations),
        ...spec.sources.flatMap(({ exclude = [] }) => exclude),
      ],
    });
    const channels = channelsNow(entry, spec, assembly, memory);
    const reports = await targets.settle(entry, { trustDomain, channels, signal });
    memory.before = publishedNow(assembly, reports, readings, before) ?? memory.before;
    return { readings, assembly, channels, targets: reports, pollMs: pollMsOf(sources, readings) };
  }

  /** A consent works once: what it named is gone from every target, so it is taken away. */
  async function spendConsent(
    object: TrustBundle,
    findings: Findings,
    signal: AbortSignal,
  ): Promise<TrustBundle> {
    if ('invalid' in findings || !isPublished(findings.assembly, findings.targets)) return object;
    const consent = consentOf(object.metadata.annotations);
    const { anchors } = findings.assembly.bundle;
    if (consent.length === 0 || anchors.some(({ sha256 }) => consent.includes(sha256))) return object;
    const { [CONSENT_ANNOTATION]: _, ...annotations } = object.metadata.annotations ?? {};
    const { metadata } = await client.update(
      trustBundles,
      { ...object, metadata: { ...object.metadata, annotations } },
      { signal, metadataOnly: true },
    );
    announcer.consented(object, consent);
    return { ...object, metadata: { ...object.metadata, ...metadata } };
  }

  /** One write, and only of news; an object that is gone needs none. */
  async function report(object: TrustBundle, findings: Findings, signal: AbortSignal): Promise<void> {
    const { generation } = object.metadata;
    const status = trustBundleStatus(findings, { before: object.status, generation, now: clock.wall() });
    if (!needsWrite(object.status, status, verifyMs)) return;
    await step?.('publish/status');
    try {
      await client.updateStatus(trustBundles, { ...object, status }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  function nextLookMs(findings: Findings): number {
    if ('invalid' in findings) return verifyMs;
    const changesMs = findings.channels.announced ? 0 : findings.channels.changesAt * 1000 - clock.wall();
    const retries = findings.targets.map(({ retryMs }) => retryMs ?? verifyMs);
    return Math.max(Math.min(verifyMs, changesMs, findings.pollMs, ...retries), MIN_REQUEUE_MS);
  }

  async function publish(entry: TrustBundleEntry, signal: AbortSignal): Promise<ReconcileResult> {
    const findings = await find(entry, signal);
    announcer.announce(entry.object, findings);
    await report(await spendConsent(entry.object, findings, signal), findings, signal);
    return { requeueAfterMs: nextLookMs(findings) };
  }

  /** It is being deleted, and stays until nothing is left that it should take with it. */
  async function end(entry: TrustBundleEntry, signal: AbortSignal): Promise<ReconcileResult> {
    const deletes = deletesTargets(entry.object);
    const left = deletes ? await targets.end(entry, signal) : [];
    if (deletes) announcer.ending(entry.object, left);
    else announcer.kept(entry.object, entry.object.status?.targets?.map(({ name }) => name) ?? []);
    if (left.length === 0) await finalized(entry.object, true, tools, signal).catch(ignoreNotFound);
    return left.length === 0 ? {} : { requeueAfterMs: endingMs };
  }

  return {
    async reconcile(entry, signal) {
      if (isEnding(entry.object)) return end(entry, signal);
      const object = await finalized(entry.object, false, tools, signal);
      return publish({ ...entry, object }, signal);
    },
    forget(bundle) {
      memories.delete(bundle);
      targets.forget(bundle);
    },
    forgetAll() {
      memories.clear();
      targets.forgetAll();
    },
  };
}

/** A source that could not be read for a fault on our side tells nobody when that is over. */
const unreadablePollMs = 5_000;

/** How soon a source must be looked at that tells nobody of its changes. */
function pollMsOf(sources: readonly Source[], readings: readonly SourceReading[]): number {
  const polls = sources.map(({ pollSeconds }) =>
    pollSeconds === undefined ? Number.POSITIVE_INFINITY : pollSeconds * 1000,
  );
  const failing = readings.some(({ error }) => errorCode(error) === 'BUNDLE_SOURCE_UNREADABLE');
  return Math.min(...polls, failing ? unreadablePollMs : Number.POSITIVE_INFINITY);
}

/** Every target was seen to hold the bundle. */
function isPublished(
  assembly: Assembly,
  targets: readonly TargetReport[],
): assembly is Assembly & { readonly bundle: Bundle } {
  return assembly.bundle !== undefined && !targets.some(isFailing);
}

/**
 * What is published now, and who gives it; what is withheld was given by whom it was given by before. While a target fails, what was let
 * go is gone for the others: it must not come back. Undefined when no target holds the bundle.
 */
function publishedNow(
  assembly: Assembly,
  targets: readonly TargetReport[],
  readings: readonly SourceReading[],
  before: LastPublished,
): LastPublished | undefined {
  const { bundle } = assembly;
  if (bundle === undefined || targets.every(({ error }) => error !== undefined)) return undefined;
  const withheld = new Set(assembly.withheld.map(({ sha256 }) => sha256));
  const givers = new Map(before.anchors.map(({ anchor, source }) => [anchor.sha256, source]));
  for (const { name, anchors: given = [] } of readings.toReversed()) {
    for (const { sha256 } of given) givers.set(sha256, name);
  }
  const known = new Set(before.anchors.map(({ anchor }) => anchor.sha256));
  const whole = isPublished(assembly, targets);
  const anchors = bundle.anchors
    .filter(({ sha256 }) => whole || known.has(sha256))
    .map((anchor) => ({
      anchor,
      source: givers.get(anchor.sha256) ?? '',
      withheld: withheld.has(anchor.sha256),
    }));
  return { anchors, unseen: whole ? [] : before.unseen };
}
