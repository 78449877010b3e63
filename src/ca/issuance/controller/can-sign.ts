import type { CertificateAuthority } from '#ca/authority/resource.ts';
import type { Signers } from '#ca/issuance/controller/signers.ts';

/**
 * One CertificateAuthority that cannot sign anywhere must not take the others out of service: a replica is unready only
 * for one that is Ready and that it cannot sign for itself.
 */
export function canSign({ status }: CertificateAuthority, signers: Pick<Signers, 'find'>): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return `not in service: ${ready?.reason ?? 'new'}`;
  for (const signerName of status?.publishedSignerNames ?? []) signers.find(signerName);
  return 'it can sign';
}
