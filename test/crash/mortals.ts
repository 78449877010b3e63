import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '#ops/config-schema.ts';
import type { Installation } from '../support/installation.ts';
import { type Death, type ReplicaProcess, startReplicaProcess } from '../support/replica-process.ts';

/** Replicas of one installation that die at a step. */
export interface Mortals {
  /** A replica begins; it dies by itself where `death` says so. */
  start(ordinal: number, death?: Death): Promise<ReplicaProcess>;
  /** Until it has died at its step. */
  died(replica: ReplicaProcess, death: Death): Promise<void>;
  /** Of all that have ever begun. */
  ordinals(): number[];
}

/** A leader that was killed is succeeded within seconds, on a machine that has other things to do, too. */
const leaderElection = { leaseDurationSeconds: 4, renewDeadlineSeconds: 3, retryPeriodSeconds: 1 };
export const patienceMs = 90_000;

/** @param program bundle of a replica that can be killed */
export function mortals(on: Installation, program: string): Mortals {
  const configs = new Map<number, Promise<Config>>();
  const hasty: Installation = { ...on, config: configOf };

  function configOf(ordinal = 0): Promise<Config> {
    const made = configs.get(ordinal) ?? on.config(ordinal).then((config) => ({ ...config, leaderElection }));
    configs.set(ordinal, made);
    return made;
  }

  return {
    start: (ordinal, death) => startReplicaProcess(hasty, ordinal, death, program),
    async died(replica, { step, count = 1 }) {
      const ending = await Promise.race([replica.gone, sleep(patienceMs, undefined, { ref: false })]);
      if (ending?.signal === 'SIGKILL') return;
      const what = ending === undefined ? 'was not reached' : `ended with ${JSON.stringify(ending)} instead`;
      throw new Error(`step ${step} × ${count} ${what}`);
    },
    ordinals: () => [...configs.keys()],
  };
}
