import { hash } from 'node:crypto';

/** A replica that can sign for a signer name at this moment. */
export type ReplicaName = string;

/**
 * Which of the replicas answers the object with this UID: each replica finds the same one without asking the others, and
 * when one of them comes or goes only the share of that one moves (rendezvous hashing, Thaler and Ravishankar 1998).
 */
export function answering(uid: string, replicas: readonly ReplicaName[]): ReplicaName | undefined {
  // Nearly always there is one: no need to weigh it.
  if (replicas.length < 2) return replicas[0];
  let best: { readonly name: ReplicaName; readonly weight: string } | undefined;
  for (const name of replicas) {
    const weight = hash('sha256', `${uid}\0${name}`);
    if (best === undefined || weight > best.weight) best = { name, weight };
  }
  return best?.name;
}
