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
import type { KubeClient } from '#kube/client.ts';
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
  answer(name: string): Promise<void>;
  /** It waits no more: answered, by whomever, or gone. */
  forget(name: string): void;
}

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
   * UIDs of the requests that were answered and, by the watch, still wait, by name: whatever asks for one of them meanwhile would have it
   * signed again, for nobody. Gone with the request.
   */
  const answered = new Map<string, string | undefined>();

  /** The request as it is now, with the certificate that waits to be written, if there is one. */
  async function current(name: string): Promise<Current | undefined> {
    const cached = backlog.get(name);
    const earlier = unwritten.get(name);
    if (cached === undefined || earlier?.uid !== cached.metadata.uid) unwritten.delete(name);
    if (cached === undefined || !unwritten.has(name))
      return cached && { request: cached, earlier: undefined };
    const live = await client
      .get<CertificateSigningRequest>(certificateSigningRequests, name)
      .catch(ignoreNotFound);
    if (live === undefined || live.metadata.uid !== cached.metadata.uid || !awaitsSignature(live))
      return undefined;
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
      written(request);
      return true;
    } catch (error) {
      // It changed or went away while we signed: what it is now arrives by the watch, and the serial is in the ledger.
      if (isConflict(error) || isNotFound(error)) return false;
      if (isOutcomeUnknown(error) && (await wasWritten(update))) {
        written(request);
        return true;
      }
      if (given.outcome === 'issued' && waits(request))
        unwritten.set(request.metadata.name, { uid: request.metadata.uid, given });
      throw error;
    }
  }

  /** What went meanwhile will not be asked for again, and nothing is kept of it. */
  function waits({ metadata: { name, uid } }: CertificateSigningRequest): boolean {
    return backlog.get(name)?.metadata.uid === uid;
  }

  function written(request: CertificateSigningRequest): void {
    const { name, uid } = request.metadata;
    unwritten.delete(name);
    if (waits(request)) answered.set(name, uid);
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
    answered.delete(name);
    share.forget(name);
  }

  async function answerOne(name: string): Promise<void> {
    const started = options.monotonic();
    const found = await current(name);
    if (found === undefined) return forget(name);
    const { request, earlier } = found;
    if (answered.has(name) && answered.get(name) === request.metadata.uid) return;
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
