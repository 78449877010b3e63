import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { Announcer } from '#bundles/controller/announcement.ts';
import { knownRoots, spendConsent } from '#bundles/controller/consent.ts';
import type { TrustBundleCache, TrustBundleEntry } from '#bundles/controller/entry.ts';
import { deletesTargets, finalized, isEnding } from '#bundles/controller/finalizer.ts';
import { publishedNow } from '#bundles/controller/last-published.ts';
import {
  isMissing,
  recallPublished,
  recallSource,
  type ShownRoots,
  shownRoots,
} from '#bundles/controller/recall.ts';
import { type SourcePlaces, sourcesOf } from '#bundles/controller/sources.ts';
import { type Findings, needsWrite, trustBundleStatus } from '#bundles/controller/status.ts';
import type { TargetTools } from '#bundles/controller/target.ts';
import type { Targets } from '#bundles/controller/targets.ts';
import { assemble } from '#bundles/source/assembly.ts';
import { createSourceMemory, type SourceMemory, type SourceReading } from '#bundles/source/memory.ts';
import { consentError, consentOf } from '#bundles/source/consent.ts';
import type { LastPublished } from '#bundles/source/shrink.ts';
import type { Source } from '#bundles/source/source.ts';
import { OWNER_ANNOTATION } from '#bundles/target/cluster-trust-bundle.ts';
import { errorCode, MangroveError } from '#errors/error.ts';
import type { ReconcileResult } from '#kube/controller.ts';
import { ignoreNotFound, isNotFound } from '#kube/error.ts';
import { trustBundles } from '#kube/resource.ts';

export interface ReconcilerOptions {
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
  /** What the targets show now, for what a source gave before the start. */
  shown: () => ShownRoots;
  /** Whether it was known once what the targets hold: a look before would forget what the sources lost meanwhile. */
  recalled: boolean;
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
      recallSource(source, bundles.getByKey(name)?.object.status, memory.shown());
    const sources = createSourceMemory({ trustDomain, now: () => clock.wall(), recall });
    const shown = () => shownBy(entry);
    const memory: Memory = {
      uid,
      sources,
      shown,
      recalled: false,
      before: undefined,
    };
    memories.set(name, memory);
    return memory;
  }

  /** The roots in what this TrustBundle publishes, or has published before its targets changed. */
  function shownBy({ object, targets }: TrustBundleEntry): ShownRoots {
    const published = targets.filter(({ kind }) => kind === 'clusterTrustBundle');
    const names = new Set(published.map(({ name }) => name));
    const own = (api.cache()?.list() ?? []).filter(
      ({ metadata: { name, annotations = {} } }) =>
        names.has(name) || annotations[OWNER_ANNOTATION] === object.metadata.name,
    );
    return shownRoots(own.map(({ spec }) => spec.trustBundle));
  }

  /** Why it cannot be known yet what was published before the start; undefined when it can. */
  function blindness({ object }: TrustBundleEntry, memory: Memory): unknown {
    if (memory.recalled || api.cache() !== undefined) return undefined;
    if (!isMissing(object.status, memory.shown(), clock.wall())) return undefined;
    try {
      api.resource();
    } catch (error) {
      return error;
    }
    const message = 'the ClusterTrustBundles were not listed since the start, so targets stay as they are';
    return new MangroveError('BUNDLE_TARGET_UNAVAILABLE', message);
  }

  async function find(entry: TrustBundleEntry, signal: AbortSignal): Promise<Findings> {
    const { object, spec } = entry;
    if (spec === undefined) return { invalid: entry.invalid };
    const { trustDomain } = spec;
    const memory = memoryOf(entry, trustDomain);
    memory.shown = once(() => shownBy(entry));
    const blind = blindness(entry, memory);
    memory.recalled ||= blind === undefined;
    const sources = sourcesOf(object.metadata.name, spec, places);
    const readings = await (blind === undefined ? memory.sources : passing(trustDomain)).read(sources);
    const now = clock.wall();
    const before = memory.before ?? recallPublished(object.status, memory.shown(), now);
    const consent = consentOf(object.metadata.annotations);
    const assembled = assemble(trustDomain, readings, Math.floor(now / 1000), {
      before,
      limitPercent: spec.maxShrinkPercent,
      // Who excludes a root by name has agreed to lose it.
      consent: [...consent.fingerprints, ...spec.sources.flatMap(({ exclude = [] }) => exclude)],
    });
    const assembly = blind === undefined ? assembled : { ...assembled, bundle: undefined, error: blind };
    const known = knownRoots(object, before, assembly);
    const reports = await targets.settle(entry, { trustDomain, assembly, signal });
    memory.before = publishedNow({ assembly, targets: reports, readings, before, now }) ?? memory.before;
    const { removals } = memory.before ?? before;
    return {
      readings,
      assembly,
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
    const changesMs = findings.assembly.changesAt * 1000 - clock.wall();
    const retries = findings.targets.map(({ retryMs }) => retryMs ?? verifyMs);
    return Math.max(Math.min(verifyMs, changesMs, findings.pollMs, ...retries), MIN_REQUEUE_MS);
  }

  async function publish(entry: TrustBundleEntry, signal: AbortSignal): Promise<ReconcileResult> {
    const findings = await find(entry, signal);
    announcer.announce(entry.object, findings);
    const object = await spendConsent(entry.object, findings, { client, announcer, signal });
    await report(object, findings, signal);
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

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
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
