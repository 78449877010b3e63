import { onTestFinished } from 'vitest';
import type { ConfigMap } from '#kube/object.ts';
import {
  type Reflector,
  type ReflectorOptions,
  type ReflectorState,
  type ReflectorTiming,
  startReflector,
} from '#kube/reflector.ts';
import { configMapsResource, recordingLog } from './lab.ts';

/** A reflector, and all that it told its observer and its log. */
export interface RecordedReflector {
  readonly reflector: Reflector;
  readonly states: ReflectorState[];
  /** Error codes of failed lists and watches. */
  readonly failures: string[];
  readonly rejected: string[];
  /** Sizes of complete lists. */
  readonly lists: number[];
  readonly lines: Record<string, unknown>[];
  /** Ended with the test, when nobody did before. */
  readonly stop: AbortController;
}

export type RecordedOptions<Index extends string> = Pick<
  ReflectorOptions<string, Index, ConfigMap>,
  'client' | 'cache' | 'transform' | 'namespace' | 'limit'
> &
  Partial<Pick<ReflectorOptions<string, Index, ConfigMap>, 'resource'>> & {
    readonly timing: Partial<ReflectorTiming>;
  };

export function startRecorded<Index extends string = never>(
  options: RecordedOptions<Index>,
): RecordedReflector {
  const states: ReflectorState[] = [];
  const failures: string[] = [];
  const rejected: string[] = [];
  const lists: number[] = [];
  const { log, lines } = recordingLog();
  const stop = new AbortController();
  const reflector = startReflector<string, Index, ConfigMap>({
    resource: configMapsResource,
    ...options,
    log,
    signal: stop.signal,
    observer: {
      state: (state) => states.push(state),
      failed: (code) => failures.push(code),
      rejected: (key) => rejected.push(key),
      listed: (objects) => lists.push(objects),
    },
  });
  onTestFinished(async () => {
    stop.abort();
    await reflector.done;
  });
  return { reflector, states, failures, rejected, lists, lines, stop };
}
