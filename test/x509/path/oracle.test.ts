import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { validatePath } from '#x509/path/validation.ts';
import { encodePem } from '#x509/pem.ts';
import { type GoQuestion, goVerify } from '../../oracle/go.ts';
import { opensslVerify } from '../../oracle/openssl.ts';
import { long, timeout } from '../support/campaign.ts';
import { disagreements, type Oracle } from './support/disagreement.ts';
import type { Issued } from './support/issued.ts';
import { type BuiltChain, build, type Plan, plans } from './support/plan.ts';

interface Verdict {
  readonly ok: boolean;
  /** All that is wrong; empty where it is accepted. */
  readonly reasons: readonly string[];
}

interface Judged {
  readonly plan: Plan;
  readonly ours: Verdict;
  readonly others: Readonly<Record<Oracle, Verdict>>;
}

/** Builds each chain and asks everybody. */
function judge(chains: readonly Plan[]): readonly Judged[] {
  const built = chains.map((plan) => ({ plan, chain: build(plan) }));
  const answers = goVerify(built.map(({ plan, chain }) => question(plan, chain)));
  return built.map(({ plan, chain }, i) => {
    const { ok = false, reason = '' } = answers[i] ?? {};
    return {
      plan,
      ours: askUs(plan, chain),
      others: { Go: { ok, reasons: ok ? [] : [reason] }, OpenSSL: askOpenssl(plan, chain) },
    };
  });
}

const ders = (list: readonly Issued[]): Buffer[] => list.map(({ der }) => der);

const question = ({ at, purpose }: Plan, { leaf, intermediates, anchors }: BuiltChain): GoQuestion => ({
  leaf: leaf.der,
  intermediates: ders(intermediates),
  anchors: ders(anchors),
  at,
  purpose,
});

function askUs({ at, purpose }: Plan, { leaf, intermediates, anchors }: BuiltChain): Verdict {
  const answer = validatePath({
    leaf: leaf.certificate,
    intermediates: intermediates.map(({ certificate }) => certificate),
    anchors: anchors.map(({ certificate }) => certificate),
    at,
    purpose,
  });
  const reasons = answer.valid ? [] : answer.faults.map(({ code, message }) => `${code} ${message}`);
  return { ok: answer.valid, reasons };
}

function askOpenssl({ at, purpose }: Plan, { leaf, intermediates, anchors }: BuiltChain): Verdict {
  const pem = (list: readonly Issued[]): string =>
    ders(list)
      .map((der) => encodePem('CERTIFICATE', der))
      .join('');
  const { ok, stderr } = opensslVerify({
    root: pem(anchors),
    intermediates: pem([...intermediates, ...anchors]),
    leaf: pem([leaf]),
    at,
    purpose: purpose === 'serverAuth' ? 'sslserver' : 'sslclient',
    partialChain: true,
  });
  return { ok, reasons: ok ? [] : (stderr.match(/error \d+ at .*/g) ?? [stderr]) };
}

/** What `oracle` sees otherwise than we do and no line of `disagreements` explains. */
function unexplained({ plan, ours, others }: Judged, oracle: Oracle): readonly string[] {
  const theirs = others[oracle];
  if (ours.ok === theirs.ok) return [];
  const known = disagreements.filter(
    (line) => line.oracle === oracle && (line.when === undefined || line.when(plan)),
  );
  const patterns = known.map((line) => (ours.ok ? line.theirs : line.ours));
  const reasons = ours.ok ? theirs.reasons : ours.reasons;
  return reasons
    .filter((reason) => !patterns.some((pattern) => pattern?.test(reason) === true))
    .map((reason) => `${ours.ok ? oracle : 'Mangrove'} alone: ${reason} in ${JSON.stringify(plan)}`);
}

describe('each known disagreement is one', () => {
  let judged: readonly Judged[];
  beforeAll(() => {
    judged = judge(disagreements.map(({ example }) => example));
  });

  test.each(disagreements.map((line, i) => ({ ...line, i })))('$oracle: $why', ({ oracle, ours, i }) => {
    const found = judged[i] ?? expect.fail('not judged');
    expect([found.ours.ok, found.others[oracle].ok], JSON.stringify(found)).toEqual([
      ours === undefined,
      ours !== undefined,
    ]);
    expect(unexplained(found, oracle)).toEqual([]);
  });
});

/** Without MANGROVE_LONG the same chains each time; with it many, and others each time. */
const sample: fc.Parameters<Plan> = long ? { numRuns: 3000 } : { numRuns: 100, seed: 5280 };

describe('generated chains', () => {
  let judged: readonly Judged[];
  beforeAll(() => {
    judged = judge(fc.sample(plans, sample));
  }, timeout);

  test('there are some that hold, and some that do not', () => {
    expect(judged.filter(({ ours }) => ours.ok).length).toBeGreaterThan(20);
    expect(judged.filter(({ ours }) => !ours.ok).length).toBeGreaterThan(20);
  });

  test.each<Oracle>(['OpenSSL', 'Go'])('%s decides as we do, or it is known why not', (oracle) => {
    expect(judged.flatMap((chain) => unexplained(chain, oracle))).toEqual([]);
  });
});
