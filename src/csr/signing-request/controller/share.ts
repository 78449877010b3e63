import type { Logger } from 'pino';
import { signerNamesAnnotation } from '#ca/issuance/controller/replica-report.ts';
import { answering } from '#csr/signing-request/duty.ts';
import type { Members } from '#kube/members.ts';
import type { CertificateSigningRequest } from '#kube/object.ts';
export interface ShareOptions {
  readonly replica: string;
  readonly members: Members;
  /** Whether this replica can sign for the name at this moment. */
  readonly serves: (signerName: string) => boolean;
  /** A request that another replica should have answered is answered here. */
  readonly onTakeOver: () => void;
  readonly log: Logger;
  readonly monotonic: () => number;
}

/** Which requests this replica answers. Two that answer the same one do no harm: the second write is a conflict. */
export interface Share {
  has(request: CertificateSigningRequest): boolean;
  /** Names of the requests that are left to others. */
  left(): readonly string[];
  /** The request with this name waits no more. */
  forget(name: string): void;
}

/** So long a request may wait for a replica that lives, can sign, and does not. */
const patienceMs = 30_000;

export function createShare(options: ShareOptions): Share {
  const { replica, members, serves, monotonic, log } = options;
  /** Requests of others, by name, and since when they are seen to wait. */
  const waiting = new Map<string, { readonly uid: string; readonly since: number; taken: boolean }>();

  function able(signerName: string): string[] {
    const others = members
      .live()
      .filter(({ identity }) => identity !== replica)
      .filter(({ annotations }) => (annotations[signerNamesAnnotation] ?? '').split(',').includes(signerName))
      .map(({ identity }) => identity);
    return serves(signerName) ? [...others, replica] : others;
  }

  /** True once it has waited too long; told once. */
  function takesOver(name: string, uid: string, responsible: string): boolean {
    const now = monotonic();
    const known = waiting.get(name);
    if (known?.uid !== uid) {
      waiting.set(name, { uid, since: now, taken: false });
      return false;
    }
    if (now - known.since <= patienceMs) return false;
    if (!known.taken) {
      log.warn(
        { signingRequest: name, responsible },
        'another replica did not answer in time: answered here',
      );
      options.onTakeOver();
      known.taken = true;
    }
    return true;
  }

  return {
    has({ metadata: { name, uid = '' }, spec: { signerName } }) {
      const responsible = answering(uid, able(signerName));
      // Where nobody can sign, everybody says why.
      if (responsible !== undefined && responsible !== replica) return takesOver(name, uid, responsible);
      waiting.delete(name);
      return true;
    },
    // What was taken over is retried at its own pace, like everything that is ours.
    left: () => Array.from(waiting).flatMap(([name, { taken }]) => (taken ? [] : [name])),
    forget: (name) => void waiting.delete(name),
  };
}
