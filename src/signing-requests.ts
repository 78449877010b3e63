import type { Signers } from '#ca/issuance/controller/signers.ts';
import type { IssueContext } from '#ca/issuance/issue.ts';
import { createBacklog } from '#csr/signing-request/controller/backlog.ts';
import { createLiveUids, liveResources, liveUid } from '#csr/signing-request/controller/live-uids.ts';
import { createSigningRequestReconciler } from '#csr/signing-request/controller/reconciler.ts';
import { createShare } from '#csr/signing-request/controller/share.ts';
import type { LiveKind } from '#csr/signing-request/live-identity.ts';
import type { Clock } from '#kube/clock.ts';
import { mostRequests } from '#kube/connection-pools.ts';
import type { EventRecorder } from '#kube/event.ts';
import type { Followed } from '#kube/follow.ts';
import type { Members } from '#kube/members.ts';
import type { AnyObject } from '#kube/object.ts';
import type { Reflector } from '#kube/reflector.ts';
import { type Base, observe, queueOf, run } from '#parts.ts';

/**
 * Requests that one replica works on at the same time: half again as many as the client has connections. The API server takes what comes
 * together through each of its stages together, and so answers many at once: where others are signed by then, and wait for a connection,
 * it is busy while more are begun. Other writes wait behind these. Few begin in one turn, so that what is signed is on its way before more
 * is begun. A reconcile takes no signal, so a limit of its time would end nothing: what it waits for, the ledger and the server, has limits
 * of its own.
 */
const pace = { concurrency: 1.5 * mostRequests, startsPerTurn: 16, timeoutMs: Infinity };

/** How soon to look again whether another replica has answered, or has gone. */
const lookAgainMs = 1_000;

export interface SigningRequestsOptions extends Pick<IssueContext, 'now' | 'step'> {
  readonly signers: Signers;
  readonly members: Members;
  readonly events: EventRecorder;
  readonly newSerial: () => Buffer;
  readonly clock: Clock;
}

/** The front door for CertificateSigningRequests. */
export interface SigningRequests {
  /** The watches that identities are confirmed by. */
  readonly watched: readonly Reflector[];
  /** From now on the requests of exactly these signer names are ours to answer. */
  follow(signerNames: ReadonlySet<string>): void;
  /** Looks at every request that waits: what it waited for may be there. */
  wake(): void;
  hasSynced(): boolean;
  /** Answers, until the draining ends. */
  run(): Promise<void>;
}

export function openSigningRequests(base: Base, options: SigningRequestsOptions): SigningRequests {
  const { client, config, log, metrics, draining, ledger } = base;
  const { signers, members, clock } = options;
  const observer = metrics.issuance.frontDoor('csr', () => backlog.size());
  const queue = queueOf(base, 'signing-request', {
    relist: () => backlog.names(),
    // One that asks in a loop keeps nobody else waiting.
    laneOf: (name) => backlog.get(name)?.spec.username ?? '',
    // What hindered it, a clock, a disk, a lost connection, tells nobody when it is mended.
    backoff: { baseMs: 5, maxMs: 30_000 },
  });
  const backlog = createBacklog({
    client,
    log,
    observer: metrics.kube.reflector('certificatesigningrequests'),
    onRequest: (name) => queue.add(name),
    onGone(name) {
      reconciler.forget(name);
      queue.forget(name);
    },
    signal: draining,
  });
  const liveOf = (kind: LiveKind): Followed<string> =>
    observe(base, liveResources[kind], (raw: AnyObject) => liveUid(kind, raw), { metadataOnly: true });
  const live = { ServiceAccount: liveOf('ServiceAccount'), Pod: liveOf('Pod'), Node: liveOf('Node') };
  const share = createShare({
    replica: config.replica,
    members,
    serves: signers.serves,
    onTakeOver: () => observer.takenOver(),
    log,
    monotonic: () => clock.monotonic(),
  });
  const reconciler = createSigningRequestReconciler({
    ...options,
    client,
    ledger,
    log,
    backlog,
    share,
    observer,
    monotonic: () => clock.monotonic(),
    uids: createLiveUids(client, live, () => clock.monotonic()),
    findSigner: signers.find,
    requireFence: (issuing) => signers.requireFence(issuing),
    onDiscarded: () => metrics.issuance.discarded(),
  });

  // One sweep instead of a timer for each: a queue full of what others answer would delay everybody's retries.
  const sweep = setInterval(() => {
    for (const name of share.left()) {
      if (backlog.get(name) === undefined) share.forget(name);
      else queue.add(name);
    }
  }, lookAgainMs);
  draining.addEventListener('abort', () => clearInterval(sweep), { once: true });

  return {
    watched: Object.values(live).map(({ reflector }) => reflector),
    follow: (signerNames) => backlog.follow(signerNames),
    wake() {
      for (const name of backlog.names()) queue.add(name);
    },
    hasSynced: () => backlog.hasSynced(),
    run: () => run(base, 'signing-request', queue, pace, (name) => reconciler.answer(name)),
  };
}
