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
  readonly lifetimeSeconds?: number;
}

/** Asks for a token that is bound to the pod, and writes it where the pod's process reads it. */
export async function writePodToken(options: PodTokenOptions): Promise<void> {
  const { kubectl, namespace, serviceAccount, pod, path, lifetimeSeconds = 3600 } = options;
  const token = await kubectl([
    `--namespace=${namespace}`,
    'create',
    'token',
    serviceAccount,
    '--bound-object-kind=Pod',
    `--bound-object-name=${pod.name}`,
    `--bound-object-uid=${pod.uid}`,
    `--duration=${lifetimeSeconds}s`,
  ]);
  const draft = `${path}.new`;
  writeFileSync(draft, token.trim(), { mode: 0o600 });
  renameSync(draft, path);
}

const checkMs = 20_000;

/**
 * Renews the token at half of its life, as the kubelet does at four fifths, until stopped. Due times are of the wall
 * clock, which goes on while a laptop sleeps; a renewal that fails is tried again at the next check.
 */
export function keepPodToken(
  options: PodTokenOptions,
  onFailure: (error: unknown) => void,
): { stop(): void } {
  const renewAfterMs = ((options.lifetimeSeconds ?? 3600) * 1000) / 2;
  let written = Date.now();
  let renewing = false;
  const timer = setInterval(() => {
    if (renewing || Date.now() - written < renewAfterMs) return;
    renewing = true;
    writePodToken(options)
      .then(() => (written = Date.now()), onFailure)
      .finally(() => (renewing = false));
  }, checkMs);
  return { stop: () => clearInterval(timer) };
}
