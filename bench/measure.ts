import type { Benchmark, Report, Sample } from './benchmark.ts';

const usualRounds = 7;
const roundMs = 1500;
/** V8 compiles what is hot on threads of its own for some seconds, whose CPU a server pays once. */
const warmUpMs = 4000;

/** Rounds of work and floor take turns, a floor first and last: a machine that slows down slows both. */
export async function measure(benchmark: Benchmark): Promise<Report> {
  const { rounds = usualRounds, warmUpRounds = 1 } = benchmark;
  const run = await benchmark.open();
  const rates: number[] = [];
  const floors: number[] = [];
  const ratios: number[] = [];
  const latencies: number[] = [];
  let rss: number;
  try {
    for (let round = 0; round < warmUpRounds; round++) await run.round(warmUpMs);
    let before = await run.floor(roundMs);
    for (let round = 0; round < rounds; round++) {
      const sample = await run.round(roundMs);
      const after = await run.floor(roundMs);
      floors.push((before + after) / 2);
      rates.push(sample.rate);
      // Of the floors on both sides of it: the machine changes its speed between rounds more than within one.
      ratios.push((2 * sample.rate) / (before + after));
      before = after;
      for (const latency of sample.latencies) latencies.push(latency);
    }
    // A program in a process of its own is gone after the close.
    rss = run.resident?.() ?? process.memoryUsage.rss();
  } finally {
    await run.close();
  }
  return {
    name: benchmark.name,
    unit: benchmark.unit,
    rate: rounded(quantile(rates, 0.5) ?? 0),
    floor: rounded(quantile(floors, 0.5) ?? 0),
    ratio: rounded(quantile(ratios, 0.5) ?? 0),
    p50: rounded(quantile(latencies, 0.5)),
    p99: rounded(quantile(latencies, 0.99)),
    rss,
    rounds,
  };
}

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Of what is asked for now and then: the rate at which the median would follow itself; a mean is ruled by the few that met a pause. */
export function oneAtATime(latencies: readonly number[]): Sample {
  return { rate: 1000 / (quantile(latencies, 0.5) ?? 0), latencies };
}

/** Three significant digits: more is noise. */
function rounded<T extends number | undefined>(value: T): T extends number ? number : number | null;
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(3));
}

/** Seconds of CPU that every thread of this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
