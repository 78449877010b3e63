import { isDeepStrictEqual } from 'node:util';
import { type IssueContext, type IssuedLeaf, issueLeaf } from '#ca/issuance/issue.ts';
import { type PreparedLeaf, prepareLeaf } from '#ca/issuance/prepare.ts';
import type { LeafProfile } from '#ca/issuance/profile.ts';
import type { FindSigner, Signer } from '#ca/issuance/signer.ts';
import { decide, provenLeaf } from '#csr/signing-request/decision.ts';
import { checkLive, type LiveUids } from '#csr/signing-request/live-identity.ts';
import type { SigningRequest } from '#csr/signing-request/signing-request.ts';
import { advice, type ErrorCode, errorCode, errorRow } from '#errors/error.ts';

/** What is written to a request that awaits its signature. */
export type Answer =
  | Issued
  | {
      readonly outcome: 'refused';
      readonly code: ErrorCode;
      readonly reason: string;
      readonly message: string;
    };

export interface Issued {
  readonly outcome: 'issued';
  readonly leaf: IssuedLeaf;
  readonly identity: string;
  /** Fingerprint of the issuing certificate. */
  readonly issuer: string;
  /** What it was prepared by. */
  readonly profile: LeafProfile;
}

/** A certificate that was signed but not delivered is delivered later only with this much of its life left. */
const leastLifeMs = 300_000;

export interface AnswerContext extends IssueContext {
  readonly findSigner: FindSigner;
  readonly uids: LiveUids;
  readonly newSerial: () => Buffer;
}

/**
 * Answers one request: a chain, or a refusal that says what to change.
 * @throws everything that is not the requester's fault: the request stays pending and is tried again.
 */
export async function answer(request: SigningRequest, context: AnswerContext): Promise<Answer> {
  const signer = context.findSigner(request.spec.signerName);
  let prepared: PreparedLeaf;
  try {
    prepared = await admit(request, signer, context);
  } catch (error) {
    return refusal(error);
  }
  const leaf = await issueLeaf(prepared, context);
  const { identity, issuer } = prepared.intent;
  return { outcome: 'issued', leaf, identity, issuer, profile: signer.profile };
}

/**
 * The same for a request that was signed before and whose answer did not arrive: that answer, if all of it would be given
 * again now, so that nothing is signed twice; a refusal, if the requester is not the live one any more; else a new one.
 * @throws as `answer`
 */
export async function answerAgain(
  request: SigningRequest,
  earlier: Issued,
  context: AnswerContext,
): Promise<Answer> {
  const signer = context.findSigner(request.spec.signerName);
  const lives = earlier.leaf.notAfter * 1000 - context.now() >= leastLifeMs;
  const sameSigner =
    signer.issuing.certificate.sha256 === earlier.issuer &&
    isDeepStrictEqual(signer.profile, earlier.profile);
  if (!lives || !sameSigner) return answer(request, context);
  try {
    const { identity } = decide(request, signer.profile);
    await checkLive(identity, context.uids);
    // That took its time, too.
    context.requireFence(signer.issuing);
    return earlier;
  } catch (error) {
    return refusal(error);
  }
}

/**
 * In stages with an await between them, the costly proof last: with many requests under way each stage runs for all of
 * them before the next begins, while its code and OpenSSL's tables are in the processor's cache (7 % of a certificate).
 */
async function admit(request: SigningRequest, signer: Signer, context: AnswerContext): Promise<PreparedLeaf> {
  const decision = decide(request, signer.profile);
  if (context.step !== undefined) await context.step('answer/live');
  await checkLive(decision.identity, context.uids);
  const leaf = provenLeaf(request, decision);
  await Promise.resolve();
  return prepareLeaf(leaf, signer, { now: context.now(), serial: context.newSerial() });
}

/** Ends a request only for its requester's own fault; anything else is thrown on (docs/architecture.md, invariant 5). */
function refusal(error: unknown): Answer {
  const code = errorCode(error);
  const row = errorRow(error);
  if (code === undefined || row.fault !== 'requester') throw error;
  return {
    outcome: 'refused',
    code,
    reason: row.reason,
    message: advice(error),
  };
}
