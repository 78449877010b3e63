import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { countPublishedRoots, ensureAuthorityBundle } from '#bundles/controller/authority-bundle.ts';
import type { BundleControllerTiming } from '#bundles/controller/timing.ts';
import { describeEvidence } from '#bundles/controller/verify.ts';
import { startBundleController } from '#bundles/controller.ts';
import { readRoots, trustedRoots } from '#ca/authority/controller/anchors.ts';
import { createAuthorityReconciler } from '#ca/authority/controller/controller.ts';
import { createSecretStore } from '#ca/authority/controller/secret-store.ts';
import type { CertificateAuthority } from '#ca/authority/resource.ts';
import { authorityLabel } from '#ca/authority/secret.ts';
import { canSign } from '#ca/issuance/controller/can-sign.ts';
import { createFence } from '#ca/issuance/controller/fence.ts';
import { replicaReport } from '#ca/issuance/controller/replica-report.ts';
import { createReportedKeys } from '#ca/issuance/controller/reported-keys.ts';
import { createSigners } from '#ca/issuance/controller/signers.ts';
import { newSerial, pooled, replicaByte } from '#ca/issuance/serial.ts';
import { webCrypto } from '#ca/keys/web-crypto.ts';
import type { MangroveError } from '#errors/error.ts';
import { handledBy } from '#handled.ts';
import { createKubeClient } from '#kube/client.ts';
import { type Clock, pause, systemClock } from '#kube/clock.ts';
import { ignoreNotFound } from '#kube/error.ts';
import { createEventRecorder } from '#kube/event.ts';
import { requireSynced } from '#kube/follow.ts';
import { startHeartbeat } from '#kube/heartbeat.ts';
import { createMembers } from '#kube/members.ts';
import type { AnyObject, Lease, PartialObjectMetadata } from '#kube/object.ts';
import { certificateAuthorities, leases, secrets } from '#kube/resource.ts';
import { createServerClock } from '#kube/server-clock.ts';
import type { Config } from '#ops/config-schema.ts';
import { type HealthServer, startHealthServer } from '#ops/health.ts';
import { createMetrics } from '#ops/metrics.ts';
import { checkReadiness } from '#ops/readiness.ts';
import { type Base, credentialsOf, elect, observe, openLedger, queueOf, recover, run } from '#parts.ts';
import { openSigningRequests } from '#signing-requests.ts';
import type { Step } from '#step.ts';
import { checkVersions } from '#versions.ts';

/** The running product. */
export interface Mangrove {
  readonly health: HealthServer;
  /** Resolves with the reason why this version must be stopped: what it found is of another one. */
  readonly refused: Promise<MangroveError>;
  /** Takes no new work, finishes what is under way, gives up the Lease and closes the ledger. */
  stop(): Promise<void>;
}

export interface MangroveOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly version: string;
  /** Called before each step of each flow: a test ends the process there. */
  readonly step?: Step;
  /** A test sets it forward and back. */
  readonly clock?: Clock;
  /** A test need not wait as long as life may take. */
  readonly bundleTiming?: Partial<BundleControllerTiming>;
}

/** A replica that is silent for four of its beats is dead to the others, which then answer what was its to answer. */
const heartbeatMs = { intervalMs: 2_000, leaseDurationMs: 8_000 };
const heartbeatLabel = 'mangrove.dev/heartbeat';
/** How long an ending replica waits for its last events to be sent. */
const eventFlushMs = 1_000;

/** Wires the parts and starts them. Resolves when the health server answers; /readyz says when it can sign. */
export async function startMangrove(options: MangroveOptions): Promise<Mangrove> {
  const { config, log, version, step, clock = systemClock } = options;
  const draining = new AbortController();
  const ending = new AbortController();
  const metrics = createMetrics({ version });
  const client = createKubeClient({
    credentials: credentialsOf(config, { log, observer: metrics.kube.credentials }),
    log,
    observer: metrics.kube.requests,
    clock,
  });
  const ledger = openLedger(config, log, metrics);
  const base: Base = {
    config,
    client,
    ledger,
    log,
    metrics,
    draining: draining.signal,
    ending: ending.signal,
  };

  const { authority: handles, bundle: handlesBundle } = handledBy(config);
  const authorities = observe<CertificateAuthority>(base, certificateAuthorities, (raw) => raw);
  const authoritySecrets = observe<PartialObjectMetadata>(base, secrets, (raw) => raw, {
    namespace: config.namespace,
    labelSelector: authorityLabel,
    metadataOnly: true,
  });
  const heartbeats = observe<Lease>(base, leases, (raw) => raw, {
    namespace: config.namespace,
    labelSelector: heartbeatLabel,
  });
  const store = createSecretStore({
    client,
    namespace: config.namespace,
    observed: authoritySecrets.cache,
    onRead: (name) => bundles.authorityChanged(name),
  });
  const events = createEventRecorder({
    client,
    instance: config.replica,
    log,
    observer: metrics.kube.events,
    signal: ending.signal,
  });
  const serverClock = createServerClock(client, clock);
  metrics.kube.clockSkew(() => serverClock.skewSeconds());
  const serialByte = replicaByte(config.replica);
  const random = pooled((size) => randomBytes(size));
  const common = {
    client,
    store,
    authorities: authorities.cache,
    ledger,
    events,
    log,
    crypto: webCrypto(config.keys.provider),
    newSerial: () => newSerial(serialByte, random),
    now: () => serverClock.wall(),
    ...(step === undefined ? {} : { step }),
  };

  const queues = {
    authority: queueOf(base, 'authority'),
    // The fence opens by it: after an outage nobody should wait for a long backoff.
    issuing: queueOf(base, 'issuing', { backoff: { baseMs: 5, maxMs: 10_000 } }),
  };
  const versions = checkVersions(base);
  // A conflict can be seen only with every CertificateAuthority at hand.
  const listed = Promise.all([
    versions.passed,
    recover(base, serverClock, step),
    authorities.reflector.synced,
    authoritySecrets.reflector.synced,
  ]);
  const signers = createSigners({
    ...common,
    replica: config.replica,
    readAuthority: (name) =>
      client.get<CertificateAuthority>(certificateAuthorities, name).catch(ignoreNotFound),
    fence: createFence(clock, () => serverClock.skewSeconds()),
    observer: metrics.authorities,
    reportedKeys: createReportedKeys(heartbeats.cache),
    onChange(name, signer) {
      if (signer === undefined) metrics.authorities.signerGone(name);
      // What waited in vain for a signer would else come back only after its backoff.
      requests.wake();
      heartbeat.beat().catch((error: unknown) => log.debug({ err: error }, 'heartbeat not written'));
    },
  });
  const heartbeat = startHeartbeat({
    client,
    namespace: config.namespace,
    name: `${config.replica}-heartbeat`,
    identity: config.replica,
    labels: { 'app.kubernetes.io/managed-by': 'mangrove', [heartbeatLabel]: 'replica' },
    annotations: (current) =>
      replicaReport(current, {
        signers,
        ledger,
        draining: draining.signal,
        hearsOf: () => requests.hasSynced(),
      }),
    ...heartbeatMs,
    clock,
    log,
    observer: metrics.kube.heartbeat,
    signal: ending.signal,
  });
  const members = createMembers(heartbeats.cache, clock);
  metrics.kube.replicas(() => members.live().length);
  const requests = openSigningRequests(base, { ...common, signers, members, clock });
  const election = elect(
    base,
    () => {
      for (const { metadata } of handled()) queues.authority.add(metadata.name);
      bundles.resync();
    },
    () => bundles.standDown(),
  );
  const rootsOf = { authorities: authorities.cache, store };
  const bundles = startBundleController({
    client,
    clock: serverClock,
    authorityAnchors: (name) => trustedRoots(name, rootsOf),
    sources: config.sources,
    targets: config.targets,
    namespace: config.namespace,
    ready: listed.then(() => Promise.allSettled(handled().map((raw) => readRoots(raw, rootsOf)))),
    isLeader: () => election.isLeader(),
    handles: handlesBundle,
    onTrustBundle: (names) => names.filter(handles).forEach((name) => queues.authority.add(name)),
    events,
    log,
    observer: metrics.bundles,
    controllerObserver: metrics.controllers,
    queueObserver: (controller) => metrics.controllers.queue(controller),
    reflectorObserver: (plural) => metrics.kube.reflector(plural),
    signal: draining.signal,
    ...(step === undefined ? {} : { step }),
    ...(options.bundleTiming === undefined ? {} : { timing: options.bundleTiming }),
  });

  function handled(): CertificateAuthority[] {
    return authorities.cache.list().filter(({ metadata }) => handles(metadata.name));
  }

  authorities.cache.onChange((previous, current) => {
    // Our own status, which says what may be served, or somebody's edit of it.
    if (current !== undefined && previous !== undefined && sameSpec(previous, current)) {
      lookAt(current.metadata.name);
      return;
    }
    const own = handled();
    requests.follow(new Set(own.flatMap(({ spec }) => spec.signerNames)));
    // Whatever happens to one may begin or end the conflict of another.
    for (const name of [...own.map(({ metadata }) => metadata.name), previous?.metadata.name]) lookAt(name);
  });
  authoritySecrets.cache.onChange((previous, current) => {
    for (const secret of [previous, current]) lookAt(secret?.metadata.labels?.[authorityLabel]);
  });

  function lookAt(name: string | undefined): void {
    if (name === undefined || !handles(name)) return;
    queues.authority.add(name);
    queues.issuing.add(name);
    bundles.authorityChanged(name);
  }

  const advance = createAuthorityReconciler({
    ...common,
    observer: metrics.authorities,
    isLeader: () => election.isLeader(),
    publisher: {
      ensureTrustBundle: ({ owner, spec }) => ensureAuthorityBundle(client, { ...spec, name: owner.name }),
      countPublished: ({ owner }) => countPublishedRoots(client, owner),
      checkPublished: async (trustDomain, anchor) =>
        describeEvidence(await bundles.verifyPublished(trustDomain, anchor)),
    },
  });
  const controllers = listed.then(
    async () => {
      await step?.('start/control');
      const advancing = run(base, 'authority', queues.authority, { concurrency: 2 }, advance);
      await step?.('start/sign');
      return [
        advancing,
        run(base, 'issuing', queues.issuing, { concurrency: 2 }, (name) => signers.reconcile(name)),
        requests.run(),
      ];
    },
    // Told to stop before the first list was complete: there is nothing to drain.
    () => [],
  );

  const own = [authorities, authoritySecrets, heartbeats].map(({ reflector }) => reflector);
  const watched = [...own, ...requests.watched];
  const health = await startHealthServer({
    ...config.http,
    log,
    metrics,
    ready: () =>
      checkReadiness([
        ['crds', versions.state],
        ['watches', () => requireSynced([...watched, requests])],
        ['ledger', () => ledger.check().then(() => 'it can record')],
        ...handled().map((raw) => [`authority/${raw.metadata.name}`, () => canSign(raw, signers)] as const),
      ]),
  });

  async function stop(): Promise<void> {
    health.drain();
    draining.abort();
    // The others take over at once, instead of when this heartbeat has been silent for long enough.
    const farewell = Promise.allSettled([heartbeat.beat()]);
    const done = [farewell, ...(await controllers), bundles.done, ...watched.map(({ done }) => done)];
    // Whoever waits for a silent API server longer than it was granted is left behind: the ledger must still be closed.
    await Promise.race([Promise.allSettled(done), pause(config.drainSeconds * 1000, ending.signal)]);
    // Events that repeat are held back for a while; nobody waits for them to leave.
    await Promise.race([events.flushed(), pause(eventFlushMs, ending.signal)]);
    ending.abort();
    await Promise.allSettled([election.done, heartbeat.done]);
    await ledger.close();
    client.close();
    await health.close();
    metrics.close();
  }
  let stopped: Promise<void> | undefined;
  return { health, refused: versions.refused, stop: () => (stopped ??= stop()) };
}

function sameSpec(previous: AnyObject, current: AnyObject): boolean {
  const { uid, generation } = current.metadata;
  return previous.metadata.uid === uid && previous.metadata.generation === generation;
}
