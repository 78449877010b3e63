import type { StepName } from '#step.ts';
import type { Evidence } from './evidence.ts';
import type { Entry } from './ledger-file.ts';

/** What must be on the disk before a step, whatever comes of it: nothing is signed, and nothing leaves, unrecorded. */
const recordedBefore: Partial<Record<StepName, Pick<Entry, 'kind' | 'outcome'>>> = {
  'mint/sign': { kind: 'issuing', outcome: undefined },
  'mint/result': { kind: 'issuing', outcome: undefined },
  'mint/use': { kind: 'issuing', outcome: 'issued' },
  'issue/sign': { kind: 'leaf', outcome: undefined },
  'issue/result': { kind: 'leaf', outcome: undefined },
  'issue/reply': { kind: 'leaf', outcome: 'issued' },
  'answer/write': { kind: 'leaf', outcome: 'issued' },
  'answer/tell': { kind: 'leaf', outcome: 'issued' },
};

/** No serial twice anywhere, and whatever was begun and not ended is known to the operator. */
export function* checkRecords({ entries, reports, fallen }: Evidence): Iterable<string> {
  for (const { step, fresh } of fallen) {
    const wanted = recordedBefore[step];
    if (wanted === undefined) continue;
    const { kind, outcome } = wanted;
    if (fresh.some((entry) => entry.kind === kind && entry.outcome === outcome)) continue;
    yield `at ${step} the ledger has no new ${kind} ${outcome ?? 'without result'}`;
  }
  const serials = new Set(entries.map(({ serial }) => serial));
  if (serials.size !== entries.length) yield 'two ledgers have one serial';
  const certificates = entries.flatMap(({ certificateSha256 }) => certificateSha256 ?? []);
  if (new Set(certificates).size !== certificates.length) yield 'two intents became one certificate';
  for (const { replica, serials, gauge } of reports) {
    const left = entries.filter((entry) => entry.replica === replica && entry.outcome === undefined);
    const said = new Set(serials);
    for (const { serial, kind } of left) {
      if (!said.has(serial)) yield `${replica} did not tell of the ${kind} ${serial} that has no result`;
    }
    if (said.size !== left.length)
      yield `${replica} told of ${said.size} intents, ${left.length} have no result`;
    if (gauge !== left.length) yield `${replica} counts ${gauge} intents without result of ${left.length}`;
  }
}
