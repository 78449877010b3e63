import { hash } from 'node:crypto';
import type { IssuingKey } from '#ca/issuance/issuing-certificate.ts';
import type { PreparedLeaf } from '#ca/issuance/prepare.ts';
import type { Ledger } from '#ledger/ledger.ts';
import type { Step } from '#step.ts';
import { encodePem } from '#x509/pem.ts';
import { sign } from '#x509/signature-algorithm.ts';
import { encodeCertificate } from '#x509/tbs-certificate.ts';

export interface IssuedLeaf {
  readonly der: Buffer;
  /** In hex. */
  readonly serial: string;
  readonly notAfter: number;
  /** PEM: leaf, then its issuing certificate. */
  readonly chain: string;
}

export interface IssueContext {
  readonly ledger: Ledger;
  /** @throws MangroveError CA_NOT_CONFIRMED and others, unless this key may sign, and what it signed may leave, now. */
  readonly requireFence: (issuing: IssuingKey) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A certificate was signed and does not leave. */
  readonly onDiscarded?: () => void;
  readonly step?: Step;
}

/**
 * Record the intent, sign exactly the linted bytes, record the result. A crash between any two lines may lose the
 * certificate, never the knowledge that one may exist. With the ledger unwritable nothing is signed. Each record may take
 * long, so the fence is asked again after it: a certificate that comes too late is recorded and does not leave.
 * @throws MangroveError LEDGER_*, and what `requireFence` throws, all retryable.
 */
export async function issueLeaf(
  prepared: PreparedLeaf,
  { ledger, now, step, requireFence, onDiscarded }: IssueContext,
): Promise<IssuedLeaf> {
  const { tbs, intent, issuing } = prepared;
  if (step !== undefined) await step('issue/intent');
  await ledger.recordIntent(intent);
  if (step !== undefined) await step('issue/sign');
  const { serial } = intent;
  try {
    requireFence(issuing);
  } catch (error) {
    await ledger.recordResult({
      serial,
      outcome: 'discarded',
      certificateSha256: undefined,
      recordedAt: now(),
    });
    throw error;
  }
  const signature = sign(issuing.signatureAlgorithm, issuing.key, tbs);
  const der = encodeCertificate(tbs, issuing.signatureAlgorithm, signature);
  if (step !== undefined) await step('issue/result');
  await ledger.recordResult({
    serial,
    outcome: 'issued',
    certificateSha256: hash('sha256', der),
    recordedAt: now(),
  });
  if (step !== undefined) await step('issue/reply');
  try {
    requireFence(issuing);
  } catch (error) {
    onDiscarded?.();
    throw error;
  }
  return {
    der,
    serial,
    notAfter: intent.notAfter,
    chain: encodePem('CERTIFICATE', der) + issuing.pem,
  };
}
