import type { Landings } from '#bundles/controller/landings.ts';

/** Every answer has come, and nobody has led before. */
export const noLandings: Landings = {
  lost: () => undefined,
  begin: () => undefined,
  isAwaited: () => false,
};
