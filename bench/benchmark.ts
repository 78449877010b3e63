/** One hot path, with the floor that it is held against measured in the same run. */
export interface Benchmark {
  readonly name: string;
  /** Of rate and floor. */
  readonly unit: string;
  /** What is done per unit, for people. */
  readonly does: string;
  /** What the floor is, for people. */
  readonly against: string;
  /** Least share of the floor. */
  readonly target: number;
  /** Runs without being named: needs no control plane and less than 40 s. */
  readonly quick: boolean;
  /** Why it cannot run on this machine; undefined where it can. */
  readonly hindrance?: () => string | undefined;
  /** Runs on one core, as its floor does. */
  readonly pinned: boolean;
  /** Of work and floor in turns; default 7. */
  readonly rounds?: number;
  /** Before them, uncounted; default 1. */
  readonly warmUpRounds?: number;
  readonly open: () => Promise<OpenBenchmark>;
}

export interface OpenBenchmark {
  /** Work for about this long. */
  readonly round: (ms: number) => Promise<Sample>;
  /** The floor's rate, measured for about this long. */
  readonly floor: (ms: number) => Promise<number>;
  /** Bytes that the program under test holds, where it runs in a process of its own; default: this process. */
  readonly resident?: () => number;
  readonly close: () => Promise<void>;
}

export interface Sample {
  readonly rate: number;
  /** Milliseconds of each request; empty where there is none. */
  readonly latencies: readonly number[];
}

/** One line of `--json`. */
export interface Report {
  readonly name: string;
  readonly unit: string;
  /** Medians over the rounds. */
  readonly rate: number;
  readonly floor: number;
  readonly ratio: number;
  /** Milliseconds over all rounds; null where there is no request. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Bytes that the program under test holds at the end. */
  readonly rss: number;
  readonly rounds: number;
}
