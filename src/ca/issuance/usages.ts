import { MangroveError } from '#errors/error.ts';
import type { ExtendedKeyUsage, KeyUsage } from '#x509/key-usage.ts';

/** What a certificate may be used for, in X.509 terms. */
export interface Usages {
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsage[];
}

/** The names of certificates.k8s.io/v1 KeyUsage that mean a bit of keyUsage (k8s.io/api certificates/v1 types.go). */
const keyUsages: ReadonlyMap<string, KeyUsage> = new Map([
  ['signing', 'digitalSignature'],
  ['digital signature', 'digitalSignature'],
  ['key encipherment', 'keyEncipherment'],
  ['key agreement', 'keyAgreement'],
]);

const extendedKeyUsages: ReadonlyMap<string, ExtendedKeyUsage> = new Map([
  ['server auth', 'serverAuth'],
  ['client auth', 'clientAuth'],
]);

/**
 * Kubernetes usages to X.509 ones, exactly as listed: nothing is added and nothing is dropped.
 * @throws MangroveError CA_USAGE_UNKNOWN for a usage that no workload certificate has.
 */
export function parseUsages(names: readonly string[]): Usages {
  const keyUsage: KeyUsage[] = [];
  const extendedKeyUsage: ExtendedKeyUsage[] = [];
  for (const name of names) {
    const bit = keyUsages.get(name);
    const purpose = extendedKeyUsages.get(name);
    if (bit !== undefined) addOnce(keyUsage, bit);
    else if (purpose !== undefined) addOnce(extendedKeyUsage, purpose);
    else throw new MangroveError('CA_USAGE_UNKNOWN', `usage "${name}" is none that this signer can grant`);
  }
  return { keyUsage, extendedKeyUsage };
}

function addOnce<T>(list: T[], value: T): void {
  if (!list.includes(value)) list.push(value);
}
