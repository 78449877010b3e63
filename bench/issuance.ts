import type { Benchmark } from './benchmark.ts';
import { inFlight } from './in-flight.ts';
import { issuanceWorkload, noLedger } from './issuance-workload.ts';
import { cpuSeconds } from './measure.ts';
import { issuanceFloor } from './openssl.ts';

export const issuance: Benchmark = {
  name: 'issuance',
  unit: 'certificates per CPU second',
  does: 'strict parse, proof of possession, decision, TBS, lint, sign; 32 in flight, no ledger',
  against: 'OpenSSL alone: one P-256 verify and one sign',
  target: 0.5,
  quick: true,
  pinned: true,
  async open() {
    const issue = await issuanceWorkload(noLedger);
    return {
      floor: issuanceFloor,
      async round(ms) {
        const cpu = cpuSeconds();
        const latencies = await inFlight(32, ms, issue);
        return { rate: latencies.length / (cpuSeconds() - cpu), latencies };
      },
      close: () => Promise.resolve(),
    };
  },
};
