import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From one millisecond, below which nothing here matters, to the half minute after which a requester has given up. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Makes metrics in one registry. Every name begins with mangrove_; the help says what is counted, in which unit. */
export interface Instruments {
  counter<Label extends string = never>(
    name: string,
    help: string,
    labels?: readonly Label[],
  ): Counter<Label>;
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labels?: readonly Label[],
    collect?: (gauge: Gauge<Label>) => void,
  ): Gauge<Label>;
  /** A gauge that is read at each scrape: a reader for each value of its label, to be set by whoever knows. */
  readings(name: string, help: string, label: string): Map<string, () => number>;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    labels?: readonly Label[],
  ): Histogram<Label>;
  /** What was made so far, in that order. */
  readonly made: readonly MetricDescription[];
}

export function instrumentsOf(registry: Registry): Instruments {
  const made: MetricDescription[] = [];
  const common = <Label extends string>(
    type: MetricDescription['type'],
    suffix: string,
    help: string,
    labels: readonly Label[],
  ) => {
    const name = `mangrove_${suffix}`;
    made.push({ name, type, help, labels });
    return { name, help, labelNames: [...labels], registers: [registry] };
  };
  const gauge: Instruments['gauge'] = (name, help, labels = [], collect) =>
    new Gauge({
      ...common('gauge', name, help, labels),
      ...(collect && {
        collect() {
          collect(this);
        },
      }),
    });
  return {
    made,
    counter: (name, help, labels = []) => new Counter(common('counter', name, help, labels)),
    gauge,
    readings(name, help, label) {
      const readers = new Map<string, () => number>();
      gauge(name, help, [label], (itself) => {
        for (const [value, read] of readers) itself.set({ [label]: value }, read());
      });
      return readers;
    },
    histogram: (name, help, labels = []) =>
      new Histogram({ ...common('histogram', name, help, labels), buckets: secondsBuckets }),
  };
}
