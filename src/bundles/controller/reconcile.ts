import type { Anchor } from '#bundles/bundle/anchor.ts';
import type { TrustBundle, TrustBundleSpec, TrustBundleStatus } from '#bundles/bundle/resource.ts';
import type { Announcer } from '#bundles/controller/announcement.ts';
import { knownRoots, spendConsent } from '#bundles/controller/consent.ts';
import type { TrustBundleCache, TrustBundleEntry } from '#bundles/controller/entry.ts';
import { deletesTargets, held, keepsLess, isEnding, released } from '#bundles/controller/finalizer.ts';
import { publishedNow } from '#bundles/controller/last-published.ts';
import { recallPublished, recallSource } from '#bundles/controller/recall.ts';
import {
  createRecollection,
  type Recollection,
  type RecollectionOptions,
} from '#bundles/controller/recollection.ts';
import { type SourcePlaces, sourcesOf } from '#bundles/controller/sources.ts';
import {
  endingStatus,
  type Findings,
  needsWrite,
  type StatusContext,
  trustBundleStatus,
} from '#bundles/controller/status.ts';
import type { TargetTools } from '#bundles/controller/target.ts';
import type { Targets } from '#bundles/controller/targets.ts';
import { type Assembly, assemble } from '#bundles/source/assembly.ts';
import { createSourceMemory, type SourceMemory, type SourceReading } from '#bundles/source/memory.ts';
import { consentError, consentOf } from '#bundles/source/consent.ts';
import type { LastPublished } from '#bundles/source/shrink.ts';
import type { Source } from '#bundles/source/source.ts';
import { type Channels, channelsOf } from '#bundles/target/channels.ts';
import { errorCode } from '#errors/error.ts';
import type { ReconcileResult } from '#kube/controller.ts';
import { ignoreNotFound, isNotFound } from '#kube/error.ts';
import { trustBundles } from '#kube/resource.ts';

export interface ReconcilerOptions extends Pick<RecollectionOptions, 'elsewhere' | 'fromBefore'> {
  readonly bundles: TrustBundleCache;
  readonly tools: TargetTools;
  readonly places: SourcePlaces;
  readonly targets: Targets;
  readonly announcer: Announcer;
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
  readonly recollection: Recollection;
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
      recallSource(source, bundles.getByKey(name)?.object.status, recollection.shown());
    const sources = createSourceMemory({ trustDomain, now: () => clock.wall(), recall });
    const recollection = createRecollection({
      api,
      elsewhere: options.elsewhere,
      fromBefore: options.fromBefore,
      now: () => clock.wall(),
      againMs: verifyMs,
      monotonic: () => clock.monotonic(),
    });
    const memory: Memory = { uid, sources, recollection, kept: [], before: undefined };
    memories.set(name, memory);
    return memory;
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
    const bytes = isNear ? near : new Map([...memory.recollection.shown(), ...near]);
    const isComplete = api.cache() !== undefined || api.isAbsent();
    const question = { trustDomain, wanted, assembly, before, bytes, isComplete, now: clock.wall() };
    const channels = channelsOf(question);
    memory.kept = channels.kept;
    if (errorCode(channels.live.error) === 'BUNDLE_PROMOTED_LOST') memory.recollection.lookAgain();
    return channels;
  }

  async function find(entry: TrustBundleEntry, signal: AbortSignal): Promise<Findings> {
    const { object, spec } = entry;
    if (spec === undefined) {
      targets.suspend(object.metadata.name);
      return { invalid: entry.invalid };
    }
    const { trustDomain } = spec;
    const memory = memoryOf(entry, trustDomain);
    const sources = sourcesOf(object.metadata.name, spec, places);
    const given = async () =>
      (await passing(trustDomain).read(sources)).flatMap(({ anchors = [] }) => anchors);
    const blind = await memory.recollection.refresh(entry, given, signal);
    const readings = await (blind === undefined ? memory.sources : passing(trustDomain)).read(sources);
    const now = clock.wall();
    const { recollection } = memory;
    const before =
      memory.before ?? recallPublished(object.status, recollection.shown(), recollection.inherited(), now);
    const consent = consentOf(object.metadata.annotations);
    const assembled = assemble(trustDomain, readings, Math.floor(now / 1000), {
      before,
      limitPercent: spec.maxShrinkPercent,
      // Who excludes a root by name has agreed to lose it.
      consent: [...consent.fingerprints, ...spec.sources.flatMap(({ exclude = [] }) => exclude)],
    });
    const assembly = blind === undefined ? assembled : { ...assembled, bundle: undefined, error: blind };
    const known = knownRoots(object, before, assembly);
    const channels = channelsNow(entry, spec, assembly, memory);
    const reports = await targets.settle(entry, { trustDomain, channels, signal });
    memory.before = publishedNow({ assembly, targets: reports, readings, before, now }) ?? memory.before;
    const { removals } = memory.before ?? before;
    return {
      readings,
      assembly,
      channels,
      targets: reports,
      removals,
      consented: consent.fingerprints.filter((sha256) => known.has(sha256)),
      consentError: consentError(consent, (sha256) => known.has(sha256)),
      pollMs: pollMsOf(sources, readings),
    };
  }

  /** Reads sources without remembering what they gave. */
  function passing(trustDomain: string): SourceMemory {
    return createSourceMemory({ trustDomain, now: () => clock.wall(), recall: () => undefined });
  }

  /** One write, and only of news; an object that is gone needs none. */
  async function report(object: TrustBundle, status: TrustBundleStatus, signal: AbortSignal): Promise<void> {
    if (!needsWrite(object.status, status, verifyMs)) return;
    await step?.('publish/status');
    try {
      await client.updateStatus(trustBundles, { ...object, status }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** What a new status of it builds on. */
  function contextOf({ metadata: { generation }, status: before }: TrustBundle): StatusContext {
    return { before, generation, now: clock.wall() };
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
    const object = await spendConsent(entry.object, findings, { client, announcer, signal });
    const status = trustBundleStatus(findings, contextOf(object));
    await report(object, status, signal);
    return { requeueAfterMs: keepsLess(object, status) ? MIN_REQUEUE_MS : nextLookMs(findings) };
  }

  /** It is being deleted, and stays until nothing is left that it should take with it. */
  async function end(entry: TrustBundleEntry, signal: AbortSignal): Promise<ReconcileResult> {
    const deletes = deletesTargets(entry.object);
    const left = deletes ? await targets.end(entry, signal) : [];
    if (deletes) announcer.ending(entry.object, left);
    else announcer.kept(entry.object, entry.object.status?.targets?.map(({ name }) => name) ?? []);
    if (left.length === 0) {
      await released(entry.object, tools, signal).catch(ignoreNotFound);
      return {};
    }
    await report(entry.object, endingStatus(left, contextOf(entry.object)), signal);
    return { requeueAfterMs: endingMs };
  }

  return {
    async reconcile(entry, signal) {
      if (isEnding(entry.object)) return end(entry, signal);
      const next = targets.awaitingHold(entry.object.metadata.name);
      const object = await held(entry.object, next, tools, signal);
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
