import { MangroveError } from '#errors/error.ts';
import { run } from '#sandbox/run.ts';

/** kubectl with one kubeconfig; its standard output. Throws SANDBOX_KUBECTL_FAILED with what it said otherwise. */
export type Kubectl = (args: readonly string[], options?: { readonly input?: string }) => Promise<string>;

export interface KubectlOptions {
  /** Path of the kubectl binary. */
  readonly binary: string;
  /** Path of the kubeconfig. */
  readonly kubeconfig: string;
  /** Where it keeps what it discovered; never in the home directory, where the next server on this port would find it. */
  readonly cache: string;
}

export function kubectlWith({ binary, kubeconfig, cache }: KubectlOptions): Kubectl {
  const env = { ...process.env, KUBECONFIG: kubeconfig, KUBECACHEDIR: cache, KUBERC: 'off' };
  return async (args, options = {}) => {
    const { code, stdout, stderr } = await run(binary, args, { env, ...options });
    if (code === 0) return stdout;
    throw new MangroveError('SANDBOX_KUBECTL_FAILED', `kubectl ${args.join(' ')}: ${stderr.trim()}`);
  };
}
