import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';

/** The time that everybody in the cluster shares: the API server's, by its answers. */
export interface ServerClock extends Clock {
  /** Seconds that this machine's clock is ahead of it; negative when behind, undefined before the first answer. */
  skewSeconds(): number | undefined;
}

/**
 * The API server's clock, whole seconds, carried on by the monotonic clock between its answers: a local clock that is set
 * forward or back moves no date. Before the first answer it is the local clock.
 */
export function createServerClock(client: Pick<KubeClient, 'serverTime'>, local: Clock): ServerClock {
  return {
    wall() {
      const seconds = client.serverTime();
      return seconds === undefined ? local.wall() : seconds * 1000;
    },
    monotonic: () => local.monotonic(),
    skewSeconds() {
      const seconds = client.serverTime();
      return seconds === undefined ? undefined : local.wall() / 1000 - seconds;
    },
  };
}
