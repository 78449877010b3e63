import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { Config } from '#ops/config-schema.ts';

/** What of a cluster an installation is for, where it may not be the only one. */
export interface Handled {
  readonly authority: (name: string) => boolean;
  readonly bundle: (bundle: Pick<TrustBundle, 'spec'>) => boolean;
}

export function handledBy({
  authorities,
  bundlesWithoutAuthority,
}: Pick<Config, 'authorities' | 'bundlesWithoutAuthority'>): Handled {
  const authority = (name: string): boolean => authorities?.includes(name) ?? true;
  return {
    authority,
    bundle({ spec: { sources } }) {
      const read = sources.flatMap((source) =>
        source.authority === undefined ? [] : [source.authority.name],
      );
      return read.length === 0 ? bundlesWithoutAuthority === 'handle' : read.every(authority);
    },
  };
}
