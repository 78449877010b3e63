import type { Signer } from '#ca/issuance/signer.ts';
import type { AnswerContext } from '#csr/signing-request/answer.ts';
import type { Ledger } from '#ledger/ledger.ts';
import { now, open, serial } from '../../ca/support/hierarchy.ts';

/** What a replica answers with: an open fence, the requester alive, a clock that stands still. */
export function answerContext(
  ledger: Ledger,
  signer: Signer,
  difference: Partial<AnswerContext> = {},
): AnswerContext {
  return {
    ledger,
    findSigner: () => signer,
    requireFence: open,
    uids: { observed: () => 's-1', read: () => Promise.resolve('s-1') },
    newSerial: serial,
    now: () => now * 1000,
    ...difference,
  };
}
