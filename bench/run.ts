import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Benchmark, Report } from './benchmark.ts';
import { bundleChange } from './bundle-change.ts';
import { drain, drainApart } from './drain.ts';
import { fanOut, fanOutSmall } from './fan-out.ts';
import { issuance } from './issuance.ts';
import { issuanceLedger } from './issuance-ledger.ts';
import { ledger } from './ledger.ts';
import { measure } from './measure.ts';
import { namespaceStart } from './namespace-start.ts';
import { allowedProcessors, commandOn } from './processors.ts';
import { start } from './start.ts';
import { describeReport } from './table.ts';

const benchmarks: readonly Benchmark[] = [
  issuance,
  issuanceLedger,
  ledger,
  drain,
  drainApart,
  start,
  fanOut,
  fanOutSmall,
  bundleChange,
  namespaceStart,
];

const usage = `usage: npm run bench -- [NAME…] [--json] [--all]

Each benchmark runs in a process of its own, in rounds that take turns with the floor it is held against.
Without NAME: those that need no control plane, in less than 120 s. Everything: --all.
--json prints one object per benchmark and line; rss is in bytes, p50 and p99 in milliseconds.

${benchmarks.map(({ name, does, against }) => `  ${name.padEnd(16)} ${does};\n${' '.repeat(19)}against ${against}`).join('\n')}

example: npm run bench -- issuance --json`;

/** Child: one benchmark, its report on stdout. Parent: each in a child, so that none inherits another's heap. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      all: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      measure: { type: 'string' },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  if (values.measure !== undefined) {
    console.log(JSON.stringify(await measure(named(values.measure))));
    return 0;
  }
  const chosen =
    positionals.length > 0
      ? positionals.map(named)
      : benchmarks.filter(({ quick }) => quick || values.all === true);
  for (const benchmark of chosen) {
    const hindrance = benchmark.hindrance?.();
    if (hindrance !== undefined) {
      console.error(`${benchmark.name} cannot run here: ${hindrance}`);
      if (positionals.length > 0) return 1;
      continue;
    }
    const report = await measureInChild(benchmark);
    console.log(values.json === true ? JSON.stringify(report) : describeReport(benchmark, report));
  }
  return 0;
}

class UsageError extends Error {}

/** What parseArgs throws for an option that there is not. */
function isParseError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function named(name: string): Benchmark {
  const benchmark = benchmarks.find((candidate) => candidate.name === name);
  if (benchmark !== undefined) return benchmark;
  throw new UsageError(
    `there is no benchmark '${name}'; there are ${benchmarks.map((one) => one.name).join(', ')}`,
  );
}

async function measureInChild(benchmark: Benchmark): Promise<Report> {
  const self = [process.execPath, import.meta.filename, '--measure', benchmark.name];
  const processor = benchmark.pinned ? allowedProcessors()?.last : undefined;
  try {
    return await reportOf(processor === undefined ? self : commandOn(processor, self));
  } catch (error) {
    // No taskset on this machine: what is single-threaded stays nearly as good without.
    if (processor === undefined || !(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      throw error;
    return await reportOf(self);
  }
}

function reportOf([command = '', ...args]: readonly string[]): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.on('error', reject);
  child.on('close', (code) => {
    if (code === 0) resolve(JSON.parse(output));
    else reject(new Error(`benchmark ended with ${code}: ${args.join(' ')}`));
  });
  return promise;
}

try {
  process.exitCode = await main();
} catch (error) {
  const wrongUse = error instanceof UsageError || isParseError(error);
  console.error(wrongUse ? `${error.message}\n\n${usage}` : error);
  // Programs that a benchmark started, and did not come to end, must not keep it.
  process.exit(wrongUse ? 2 : 1);
}
