import { renameSync, writeFileSync } from 'node:fs';
import type { Kubectl } from '#sandbox/kubectl.ts';

export interface PodTokenOptions {
  /** As an administrator: what the kubelet may do for the pods of its node. */
  readonly kubectl: Kubectl;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The token is worth nothing once this very object is gone. */
  readonly pod: { readonly name: string; readonly uid: string };
  /** File that holds the token; replaced as a whole. */
  readonly path: string;
  /** At least 600, the API server's own limit; an hour unless given. */
  readonly lifetimeSeconds?: number;
}

/** Asks for a token that is bound to the pod, and writes it where the pod's process reads it. */
export async function writePodToken(options: PodTokenOptions): Promise<void> {
  const { kubectl, namespace, serviceAccount, pod, path } = options;
  const token = await kubectl([
    `--namespace=${namespace}`,
    'create',
    'token',
    serviceAccount,
    '--bound-object-kind=Pod',
    `--bound-object-name=${pod.name}`,
    `--bound-object-uid=${pod.uid}`,
    `--duration=${lifetimeOf(options)}s`,
  ]);
  const draft = `${path}.new`;
  writeFileSync(draft, token.trim(), { mode: 0o600 });
  renameSync(draft, path);
}

export interface RenewalOptions {
  /** Milliseconds of the wall clock, which goes on while a laptop sleeps. */
  readonly now: () => number;
  /** How often to look at the clock; a renewal that failed is tried again then. */
  readonly checkMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** Renews the token at half of its life, until stopped. */
export function keepPodToken(options: PodTokenOptions, renewal: RenewalOptions): { stop(): void } {
  const { now, checkMs, onFailure } = renewal;
  const renewAfterMs = (lifetimeOf(options) * 1000) / 2;
  let written = now();
  let renewing = false;
  const timer = setInterval(() => {
    if (renewing || now() - written < renewAfterMs) return;
    renewing = true;
    writePodToken(options)
      .then(() => (written = now()), onFailure)
      .finally(() => (renewing = false));
  }, checkMs);
  return { stop: () => clearInterval(timer) };
}

function lifetimeOf({ lifetimeSeconds = 3600 }: PodTokenOptions): number {
  return lifetimeSeconds;
}
