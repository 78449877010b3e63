/** Key usages in the order of their bits (RFC 5280 §4.2.1.3). */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsages)[number];

/** Purposes of RFC 5280 §4.2.1.12. */
export const extendedKeyUsageOids = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const;

export type ExtendedKeyUsage = keyof typeof extendedKeyUsageOids;

const purposeNames = new Map<string, string>(
  Object.entries(extendedKeyUsageOids).map(([name, oid]) => [oid, name]),
);

/** Name of a purpose, or the OID itself when it is not one of RFC 5280. */
export function extendedKeyUsageName(oid: string): string {
  return purposeNames.get(oid) ?? oid;
}
