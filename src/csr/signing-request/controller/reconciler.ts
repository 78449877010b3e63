import type { Logger } from 'pino';
import {
  type Answer,
  type AnswerContext,
  answer,
  answerAgain,
  type Issued,
} from '#csr/signing-request/answer.ts';
import type { Backlog } from '#csr/signing-request/controller/backlog.ts';
import type { Share } from '#csr/signing-request/controller/share.ts';
import {
  awaitsSignature,
  type SigningRequestStatusUpdate,
  withCertificate,
  withFailure,
} from '#csr/signing-request/signing-request.ts';
import { advice, errorRow } from '#errors/error.ts';
import { type Revision, sameRevision } from '#kube/cache.ts';
import type { KubeClient } from '#kube/client.ts';
import type { ReconcileResult } from '#kube/controller.ts';
import { ignoreNotFound, isConflict, isNotFound, isOutcomeUnknown } from '#kube/error.ts';
import type { EventRecorder } from '#kube/event.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
import { certificateSigningRequests } from '#kube/resource.ts';

/** What becomes of requests, for metrics. */
export interface SigningRequestObserver {
  /** `reason` is Issued, or the reason of the refusal; `seconds` from reading the request to the written answer. */
  answered(outcome: Answer['outcome'], reason: string, seconds: number): void;
  /** A fault that is not the requester's: the request stays pending. The controller logs it. */
  postponed(reason: string): void;
}

export interface SigningRequestReconcilerOptions extends AnswerContext {
  readonly client: Pick<KubeClient, 'get' | 'updateStatus'>;
  /** The requests that await a signature of one of our signer names. */
  readonly backlog: Pick<Backlog, 'get'>;
  /** Which of them this replica answers. */
  readonly share: Share;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly observer: SigningRequestObserver;
  readonly log: Logger;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
}

export interface SigningRequestReconciler {
  /** Answers the CertificateSigningRequest with this name, with one write and no read. */
  answer(name: string): Promise<ReconcileResult | void>;
  /** It waits no more: answered, by whomever, or gone. */
  forget(name: string): void;
}

/** A watch that does not show for so long what was written has other troubles. */
const pastMs = 120_000;

export function createSigningRequestReconciler(
  options: SigningRequestReconcilerOptions,
): SigningRequestReconciler {
  const { client, backlog, share, log, step } = options;
  /**
   * Certificates whose write failed, by the name of the request: they are written again, to the object as it is then, and
   * nothing is signed twice. Gone with the request.
   */
  const unwritten = new Map<string, { readonly uid: string | undefined; readonly given: Issued }>();

  /**
   * Revisions that are past, for they were answered, by whomever, or went, and that the watch still shows: whatever asks for one of them
   * meanwhile would have it signed again, for nobody. By name of the request; gone with it.
   */
  const past = new Map<string, Revision & { readonly since: number }>();

  function pass({ metadata: { name, uid, resourceVersion } }: CertificateSigningRequest): void {
    const shown = backlog.get(name);
    // The watch may have been sooner.
    if (shown === undefined || !sameRevision(shown.metadata, { uid, resourceVersion })) return;
    past.set(name, { uid, resourceVersion, since: options.monotonic() });
  }

  /** Milliseconds for which this revision need not be looked at; 0 when it must be now. */
  function restOf({ metadata }: CertificateSigningRequest): number {
    const passed = past.get(metadata.name);
    if (passed === undefined || !sameRevision(passed, metadata)) return 0;
    return Math.max(0, passed.since + pastMs - options.monotonic());
  }

  /** The request as it is now, with the certificate that waits to be written, if there is one. */
  async function current(name: string, cached: CertificateSigningRequest): Promise<Current | undefined> {
    const earlier = unwritten.get(name);
    if (earlier?.uid !== cached.metadata.uid) unwritten.delete(name);
    if (!unwritten.has(name)) return { request: cached, earlier: undefined };
    const live = await client
      .get<CertificateSigningRequest>(certificateSigningRequests, name)
      .catch(ignoreNotFound);
    if (live === undefined || live.metadata.uid !== cached.metadata.uid || !awaitsSignature(live)) {
      unwritten.delete(name);
      pass(cached);
      return undefined;
    }
    return { request: live, earlier: earlier?.given };
  }

  /** False when the request is not any more what was answered. */
  async function write(request: CertificateSigningRequest, given: Answer): Promise<boolean> {
    const update =
      given.outcome === 'issued'
        ? withCertificate(request, given.leaf.chain)
        : withFailure(request, { ...given, now: new Date(options.now()) });
    if (step !== undefined) await step('answer/write');
    try {
      // What it was is known, and half of the answer's size.
      await client.updateStatus(certificateSigningRequests, update, { metadataOnly: true });
      if (step !== undefined) await step('answer/tell');
      settle(request);
      return true;
    } catch (error) {
      // It changed or went away while we signed: what it is now arrives by the watch, and the serial is in the ledger.
      if (isConflict(error) || isNotFound(error)) {
        pass(request);
        return false;
      }
      if (isOutcomeUnknown(error) && (await wasWritten(update))) {
        settle(request);
        return true;
      }
      // One that went meanwhile will not be asked for again.
      if (
        given.outcome === 'issued' &&
        backlog.get(request.metadata.name)?.metadata.uid === request.metadata.uid
      )
        unwritten.set(request.metadata.name, { uid: request.metadata.uid, given });
      throw error;
    }
  }

  function settle(request: CertificateSigningRequest): void {
    unwritten.delete(request.metadata.name);
    pass(request);
  }

  /** Whether our answer stands although nobody told us. When it cannot be read either, it is not known to stand. */
  async function wasWritten({ metadata, status }: SigningRequestStatusUpdate): Promise<boolean> {
    const live = await client
      .get<CertificateSigningRequest>(certificateSigningRequests, metadata.name)
      .catch(() => undefined);
    if (live === undefined || live.metadata.uid !== metadata.uid || awaitsSignature(live)) return false;
    return live.status?.certificate === status?.certificate;
  }

  function tell(request: CertificateSigningRequest, given: Answer, seconds: number): void {
    const about = {
      signingRequest: request.metadata.name,
      signerName: request.spec.signerName,
      username: request.spec.username,
    };
    if (given.outcome === 'issued') {
      const { leaf, identity } = given;
      log.info({ ...about, identity, serial: leaf.serial, notAfter: leaf.notAfter }, 'certificate issued');
      options.observer.answered('issued', 'Issued', seconds);
    } else {
      log.warn(
        { ...about, code: given.code, reason: given.reason },
        `request refused: ${given.message.slice(0, 1024)}`,
      );
      options.observer.answered('refused', given.reason, seconds);
    }
  }

  function postpone(request: CertificateSigningRequest, error: unknown): void {
    const { reason } = errorRow(error);
    options.observer.postponed(reason);
    const message = `not signed yet, will be tried again: ${advice(error)}`;
    options.events.record(request, { type: 'Warning', reason, message });
  }

  function forget(name: string): void {
    unwritten.delete(name);
    past.delete(name);
    share.forget(name);
  }

  async function answerOne(name: string): Promise<ReconcileResult | void> {
    const started = options.monotonic();
    const cached = backlog.get(name);
    if (cached === undefined) return forget(name);
    // The server may go back to a revision that is past, when it is restored from a backup: it is not forgotten for good.
    const restMs = restOf(cached);
    if (restMs > 0) return { requeueAfterMs: restMs };
    const found = await current(name, cached);
    if (found === undefined) return;
    const { request, earlier } = found;
    if (earlier === undefined && !share.has(request)) return;
    try {
      const given = await (earlier === undefined
        ? answer(request, options)
        : answerAgain(request, earlier, options));
      if (await write(request, given)) tell(request, given, (options.monotonic() - started) / 1000);
      else
        log.debug({ signingRequest: name, outcome: given.outcome }, 'request changed while it was answered');
    } catch (error) {
      postpone(request, error);
      throw error;
    }
  }

  return { answer: answerOne, forget };
}

interface Current {
  readonly request: CertificateSigningRequest;
  readonly earlier: Issued | undefined;
}
