import type { Stage } from '#cli/demo/stage.ts';

/** One thing that Mangrove can do, shown on a cluster of its own. */
export interface Chapter {
  /** As in `mangrove demo NAME`. */
  readonly name: string;
  readonly title: string;
  /** `directory` is where the stage's commands run; it is removed afterwards. */
  play(stage: Stage, directory: string): Promise<void>;
}
