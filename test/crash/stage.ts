import { afterAll, beforeAll } from 'vitest';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { type Death, killReplicaProcesses } from '../support/replica-process.ts';
import { bundleReplica } from './replica-bundle.ts';
import { type Watcher, watchEverything } from './watcher.ts';

/** What replicas live and die on in one file of tests. */
export interface Stage {
  readonly server: TestControlPlane;
  readonly watcher: Watcher;
  /** Bundle of a replica that can be killed. */
  readonly program: string;
}

/** Set up before the tests of the file that calls it, and taken down after them. @param wanted the file has tests to run */
export function stageForTests(wanted = true): () => Stage {
  let stage: Stage | undefined;
  beforeAll(async () => {
    if (!wanted) return;
    const server = await controlPlane();
    const [watcher, program] = await Promise.all([watchEverything(server), bundleReplica(server.directory)]);
    stage = { server, watcher, program };
  });
  afterAll(async () => {
    if (stage === undefined) return;
    await killReplicaProcesses();
    stage.watcher.stop();
  });
  return () => {
    if (stage === undefined)
      throw new Error('the stage is set before the tests, and not when they are collected');
    return stage;
  };
}

/** Deaths, as the name of a test tells them. */
export function told(deaths: readonly Death[]): string {
  return deaths.map(({ step, count = 1 }) => (count === 1 ? step : `${step} × ${count}`)).join(', then at ');
}
