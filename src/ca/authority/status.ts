import type { Authority } from '#ca/authority/authority.ts';
import { type AuthorityTimestamps, activeAuthority, phases } from '#ca/authority/phase.ts';
import type { AuthorityStatus } from '#ca/authority/resource.ts';
import { formatTimestamp } from '#ca/authority/secret.ts';

/** What the status says of every generation, oldest first. */
export function describeAuthorities(authorities: readonly Authority[]): {
  readonly authorities: AuthorityStatus[];
  readonly activeAuthority: string | undefined;
} {
  const phaseById = phases(authorities);
  const described = authorities
    .toSorted((left, right) => left.generation - right.generation)
    .map((authority): AuthorityStatus => {
      const { certificate, timestamps } = authority;
      return {
        generation: authority.generation,
        id: authority.id,
        phase: phaseById.get(authority.id) ?? 'Created',
        secretName: authority.secretName,
        notBefore: formatTimestamp(certificate.notBefore),
        notAfter: formatTimestamp(certificate.notAfter),
        sha256: certificate.sha256,
        ...describeTimestamps(timestamps),
      };
    });
  return { authorities: described, activeAuthority: activeAuthority(authorities)?.id };
}

type DescribedTimestamps = { -readonly [K in keyof AuthorityTimestamps]: string };

function describeTimestamps(timestamps: AuthorityTimestamps): DescribedTimestamps {
  const described: DescribedTimestamps = { createdAt: formatTimestamp(timestamps.createdAt) };
  for (const kind of ['publishedAt', 'activatedAt', 'taintedAt', 'retiredAt'] as const) {
    const seconds = timestamps[kind];
    if (seconds !== undefined) described[kind] = formatTimestamp(seconds);
  }
  return described;
}
