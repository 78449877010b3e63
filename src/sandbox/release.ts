/** The Kubernetes release that controlplane/go.mod pins; a test compares the two. */
export const builtVersion = '1.37.2';

/** The newest release of the same minor version that the controller-tools project has packed for envtest. */
export const archivedVersion = '1.37.0';

/** What a control plane is made of, with the Go package that each is built from. */
export const binaryPackages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
} as const;

export type BinaryName = keyof typeof binaryPackages;

export const binaryNames: readonly BinaryName[] = ['etcd', 'kubectl', 'kube-apiserver'];

/** Operating system and processor as Go names them, e.g. `linux-amd64`. */
export function platformName(platform: string, architecture: string): string {
  return `${platform}-${architecture === 'x64' ? 'amd64' : architecture}`;
}

/** SHA-512 of `envtest-v1.37.0-<platform>.tar.gz`, from envtest-releases.yaml of kubernetes-sigs/controller-tools. */
export const archiveDigests: Readonly<Record<string, string>> = {
  'linux-amd64':
    '1d1c453633b72c161a5d5a886cde7ac850be1a2ac796a9e1d4ffacacc64868295bdd2d57aa66cd0c158f5ce510f5dfe3fbc61ac21bd3dcfb875bd70658aa663a',
  'linux-arm64':
    'ae6a670502988200b0131c943758cfd3d3a58cf4e6247ef7f0e6a6467f1cd9a333c802e86101f0446b1b92a0e327387224e1e44fe1a4693da0929c6e529cfe9a',
  'darwin-arm64':
    'fb38cfacdd71b5e97a4d4cceac861af5f55069cf783f0e49cf181bfc32eb3e557c2091a534dc5d38f1b92c5ba142bc1979f215a5385b3630ea6a661be6fa161b',
};

export function archiveUrl(platform: string): string {
  const release = `envtest-v${archivedVersion}`;
  return `https://github.com/kubernetes-sigs/controller-tools/releases/download/${release}/${release}-${platform}.tar.gz`;
}
