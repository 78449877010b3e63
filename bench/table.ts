import type { Benchmark, Report } from './benchmark.ts';

/** A report for people: what was done, against what, and whether that is enough. */
export function describeReport(benchmark: Benchmark, report: Report): string {
  const { rate, floor, ratio, p50, p99, rss, rounds, unit } = report;
  const met = ratio >= benchmark.target;
  const rows = [
    ['rate', `${grouped(rate)} ${unit}`, benchmark.does],
    ['floor', `${grouped(floor)} ${unit}`, benchmark.against],
    ['ratio', `${ratio.toFixed(2)} ${met ? '≥' : '<'} ${benchmark.target}`, met ? 'enough' : 'NOT ENOUGH'],
    ['latency', p50 === null ? 'none' : `p50 ${p50} ms, p99 ${p99} ms`, `over ${rounds} rounds`],
    ['memory', `${Math.round(rss / 2 ** 20)} MiB`, 'resident at the end'],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [benchmark.name, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

function grouped(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
