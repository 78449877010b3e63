import type { Logger } from 'pino';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { BundleObserver } from '#bundles/controller/bundle-observer.ts';
import { describePlace, type Place } from '#bundles/controller/placement/read.ts';
import { describePending } from '#bundles/controller/promotion-status.ts';
import type { Findings } from '#bundles/controller/status.ts';
import type { TargetReport } from '#bundles/controller/target-report.ts';
import { published, repaired } from '#bundles/controller/target-event.ts';
import type { Assembly } from '#bundles/source/assembly.ts';
import { shortened } from '#bundles/source/filter.ts';
import { withheldError } from '#bundles/source/shrink.ts';
import type { Channels } from '#bundles/target/channels.ts';
import { isPlacementKind, kindNames, targetId } from '#bundles/target/named-target.ts';
import type { PlacementSummary } from '#bundles/target/placement-summary.ts';
import { advice, type ErrorCode, errorCode, errorMessage, errorRow, MangroveError } from '#errors/error.ts';
import type { EventRecorder } from '#kube/event.ts';
import { formatTime } from '#kube/micro-time.ts';

export interface Announcer {
  /** Tells events, log and observer what a reconcile found; what was said before is not said again. */
  announce(object: TrustBundle, findings: Findings): void;
  /** What an operator agreed to lose is in no target any more. */
  consented(object: TrustBundle, fingerprints: readonly string[]): void;
  /** One object in one namespace was written, or could not be. */
  placed(object: TrustBundle, placed: Placed): void;
  /** The TrustBundle is being deleted, and so is what it published: what stands in the way. */
  ending(object: TrustBundle, left: readonly TargetReport[]): void;
  /** The TrustBundle was deleted and its targets stay. */
  kept(object: TrustBundle, targets: readonly string[]): void;
  /** The TrustBundle was deleted with its targets. */
  gone(object: TrustBundle): void;
}

/** What was done in one namespace. */
export interface Placed extends Place {
  readonly outcome: 'written' | 'repaired' | 'failed';
  readonly changed: readonly string[];
}

export interface AnnouncerOptions {
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly observer: BundleObserver;
}

/** States of every start and consequences of others: the status tells them, an event would only be noise. */
const quiet: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BUNDLE_SOURCE_PENDING',
  'BUNDLE_API_UNKNOWN',
  'BUNDLE_EMPTY',
]);

export function createAnnouncer({ log, events, observer }: AnnouncerOptions): Announcer {
  /** TrustBundle UID → what it is about → what was last said of it. */
  const said = new Map<string, Map<string, string>>();

  /** Says a fault once, until it is another one or is over. */
  function fault(object: TrustBundle, about: string, error: unknown): void {
    const { name, uid = '' } = object.metadata;
    const before = said.get(uid) ?? new Map<string, string>();
    said.set(uid, before);
    const message = error === undefined ? '' : errorMessage(error);
    if ((before.get(about) ?? '') === message) return;
    before.set(about, message);
    const code = errorCode(error);
    if (error === undefined) {
      log.info({ trustBundle: name, about }, 'a fault of a bundle is over');
      return;
    }
    log.warn({ trustBundle: name, about, code, error: message }, 'a bundle has a fault');
    if (code !== undefined && quiet.has(code)) return;
    events.record(object, { type: 'Warning', reason: errorRow(error).reason, message: advice(error) });
  }

  function sources(
    object: TrustBundle,
    { readings, assembly, consentError }: Extract<Findings, { readings: unknown }>,
  ): void {
    const { name } = object.metadata;
    for (const { name: source, error } of readings) fault(object, source, error);
    const states = readings.map(
      ({ name: source, goodAt, error }) =>
        [
          source,
          { goodAt: goodAt === undefined ? undefined : goodAt / 1000, failing: error !== undefined },
        ] as const,
    );
    observer.sources?.(name, new Map(states));
    untimely(object, assembly);
    const { bundle, withheld } = assembly;
    if (bundle === undefined) return;
    fault(object, 'shrink', withheldError(withheld));
    fault(object, 'consent', consentError);
    observer.withheld?.(name, withheld.length);
    const roots = new Map(bundle.anchors.map(({ sha256, notAfter }) => [sha256.slice(0, 8), notAfter]));
    observer.assembled?.(name, roots, bundle.pem.length);
  }

  /** Roots that are left out for their dates, and that the dates of others let in. */
  function untimely(object: TrustBundle, { bundle, expired, early }: Assembly): void {
    for (const { sha256, subject, notAfter } of expired) {
      const message = `root ${sha256.slice(0, 8)} (${subject}) expired at ${formatTime(notAfter * 1000)}`;
      fault(object, `anchor/${sha256}`, new MangroveError('BUNDLE_ANCHOR_EXPIRED', message));
    }
    for (const { sha256, subject, notBefore } of early) {
      const message = `root ${sha256.slice(0, 8)} (${subject}) is not valid before ${formatTime(notBefore * 1000)}`;
      fault(object, `anchor/${sha256}`, new MangroveError('BUNDLE_ANCHOR_NOT_YET_VALID', message));
    }
    for (const { sha256 } of bundle?.anchors ?? []) fault(object, `anchor/${sha256}`, undefined);
  }

  /** Each promotion is said when it becomes possible, when it is made, and when it is in vain. */
  function promotion(object: TrustBundle, { promotion, live }: Channels): void {
    const { name, uid = '' } = object.metadata;
    const { state } = promotion;
    if (state === 'unread') return;
    observer.promotion?.(name, state === 'pending' || state === 'refused');
    fault(object, 'promotion', state === 'refused' ? promotion.error : undefined);
    const before = said.get(uid);
    const now = state === 'pending' ? describePending(promotion) : state;
    const last = before?.get('promoted');
    if (last === now) return;
    before?.set('promoted', now);
    const waited = last !== undefined && last !== 'unasked';
    if (state !== 'pending' && !(state === 'promoted' && waited)) return;
    const hash = live.bundle?.sha256 ?? '';
    const message = state === 'pending' ? now : `Live targets get the bundle ${hash.slice(0, 8)}`;
    const reason = state === 'pending' ? 'PromotionPending' : 'Promoted';
    log.info({ trustBundle: name, hash, state, message }, 'what live targets hold is told');
    events.record(object, { type: 'Normal', reason, message });
  }

  function target(object: TrustBundle, report: TargetReport): void {
    const bundle = object.metadata.name;
    const { error, verifiedAt, written, placements, coveredBy } = report;
    const name = metricName(report);
    // Its counts change with every namespace: that is for the status to tell.
    if (!isUnderWay(error)) fault(object, targetId(report), error);
    if (placements === undefined && error !== undefined) {
      if (coveredBy === undefined) observer.published?.(bundle, name, 'failed');
    } else if (verifiedAt !== undefined) observer.verified?.(bundle, name, verifiedAt / 1000);
    if (placements !== undefined) many(object, report, placements);
    if (written === undefined) return;
    observer.published?.(bundle, name, written === 'repaired' ? 'repaired' : 'written');
    log.info(
      { trustBundle: bundle, target: name, hash: report.hash, written, changed: report.changed },
      'published',
    );
    events.record(object, written === 'repaired' ? repaired(report) : published(report));
  }

  function many(object: TrustBundle, report: TargetReport, placements: PlacementSummary): void {
    placed(object.metadata.name, report, placements);
    observer.unread?.(object.metadata.name, metricName(report), report.unread === true);
    const { kind, name, hash = '' } = report;
    const before = said.get(object.metadata.uid ?? '');
    const about = `${targetId(report)} holds`;
    if (before === undefined || report.error !== undefined || before.get(about) === hash) return;
    before.set(about, hash);
    if (hash === '') return;
    const { namespaces } = placements;
    log.info({ trustBundle: object.metadata.name, target: targetId(report), hash, namespaces }, 'published');
    const message = `${kindNames[kind]} ${name} holds the bundle ${hash.slice(0, 8)} in ${namespaces} namespaces`;
    events.record(object, { type: 'Normal', reason: 'Published', message });
  }

  function placed(
    bundle: string,
    report: TargetReport,
    { holding, failing, pending }: PlacementSummary,
  ): void {
    observer.placed?.(bundle, metricName(report), { holding, failing, pending });
  }

  /** What it says cannot be read: so nothing is written, and nothing waits to be read back. */
  function unpublished({ metadata: { name: bundle }, status }: TrustBundle): void {
    for (const { kind, name } of status?.targets ?? []) {
      if (isPlacementKind(kind)) observer.unread?.(bundle, metricName({ kind, name }), false);
    }
  }

  return {
    placed(object, { kind, namespace, name, outcome, changed }) {
      const bundle = object.metadata.name;
      observer.published?.(bundle, metricName({ kind, name }), outcome);
      if (outcome !== 'repaired') return;
      const what = describePlace({ kind, namespace, name });
      log.info({ trustBundle: bundle, target: what, changed }, 'a target was put right');
      const message = `${what} was changed by somebody else and put right: ${changed.join(', ')}`;
      events.record(object, { type: 'Warning', reason: 'TargetRepaired', message });
    },
    announce(object, findings) {
      fault(object, 'spec', 'invalid' in findings ? findings.invalid : undefined);
      if ('invalid' in findings) return unpublished(object);
      sources(object, findings);
      const { targets } = findings;
      observer.targets?.(object.metadata.name, targets.map(metricName));
      for (const report of targets) target(object, report);
      promotion(object, findings.channels);
    },
    consented(object, fingerprints) {
      log.info(
        { trustBundle: object.metadata.name, fingerprints },
        'roots have left with the consent of an operator',
      );
      const message = `Not in the bundle any more, as agreed: ${shortened(fingerprints)}`;
      events.record(object, { type: 'Normal', reason: 'RemovalConsented', message });
    },
    ending(object, left) {
      const { name } = object.metadata;
      // What was verified before is not any more, and would only grow old.
      for (const names of [[], left.map(metricName)]) observer.targets?.(name, names);
      for (const report of left) {
        if (!isUnderWay(report.error)) fault(object, targetId(report), report.error);
        if (report.placements !== undefined) placed(name, report, report.placements);
      }
      if (left.length > 0) return;
      log.info({ trustBundle: object.metadata.name }, 'a TrustBundle is deleted, and what it published');
      const message = 'What it published is deleted';
      events.record(object, { type: 'Normal', reason: 'TargetsDeleted', message });
    },
    gone({ metadata: { name, uid = '' } }) {
      said.delete(uid);
      observer.forget?.(name);
    },
    kept(object, targets) {
      const { name, uid = '' } = object.metadata;
      said.delete(uid);
      observer.forget?.(name);
      log.info({ trustBundle: name, targets }, 'a TrustBundle was deleted; its targets stay');
      const message = `Deleted; what it published stays as it is: ${targets.join(', ')}`;
      events.record(object, { type: 'Normal', reason: 'TargetsKept', message });
    },
  };
}

function isUnderWay(error: MangroveError | undefined): boolean {
  return error?.code === 'BUNDLE_TARGET_PENDING' || error?.code === 'BUNDLE_TARGET_LEAVING';
}

/** As metrics have named ClusterTrustBundles from the beginning; what is of another kind says so. */
function metricName({ kind, name }: Pick<TargetReport, 'kind' | 'name'>): string {
  return kind === 'clusterTrustBundle' ? name : targetId({ kind, name });
}
