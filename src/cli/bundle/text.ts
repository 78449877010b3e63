import type { Comparison } from '#bundles/bundle/comparison.ts';
import type { HeldRoot } from '#bundles/bundle/holding.ts';
import type { Overview } from '#bundles/bundle/overview.ts';
import type { Verification } from '#bundles/bundle/verification.ts';
import { oneLine, table } from '#cli/table.ts';

const brief = (sha256: string | undefined): string => sha256?.slice(0, 8) ?? '-';
const orDash = (text: string | undefined): string => text ?? '-';

export function overviewText(overviews: readonly Overview[]): string {
  return overviews.map(oneOverview).join('\n');
}

function oneOverview({
  name,
  trustDomain,
  ready,
  outdated,
  hash,
  roots,
  sources,
  targets,
}: Overview): string {
  const readiness = ready === undefined ? 'not reported yet' : `${ready.status}, ${ready.reason}`;
  const lines = [
    `TrustBundle ${name}`,
    `  trust domain  ${trustDomain}`,
    `  hash          ${orDash(hash)}`,
    `  ready         ${readiness}${ready === undefined ? '' : `: ${ready.message}`}`,
    ...(outdated ? ['  outdated      the specification changed after all of this was reported'] : []),
  ];
  const tables = [
    table(
      ['ROOT', 'NOT BEFORE', 'NOT AFTER', 'SINCE', 'VANISHED', 'SOURCE', 'SUBJECT'],
      roots.map(({ sha256, subject, notBefore, notAfter, source, since, vanishedTime }) => [
        brief(sha256),
        notBefore,
        notAfter,
        orDash(since),
        orDash(vanishedTime),
        source,
        subject,
      ]),
    ),
    table(
      ['SOURCE', 'HASH', 'LAST GOOD', 'AGE', 'NOTE', 'ERROR'],
      sources.map(({ kind, name, hash, lastGoodTime, ageSeconds, note, error }) => [
        `${kind}/${name}`,
        brief(hash),
        orDash(lastGoodTime),
        duration(ageSeconds),
        orDash(note),
        orDash(error),
      ]),
    ),
    table(
      ['TARGET', 'API VERSION', 'NAMESPACES', 'HASH', 'LAST VERIFIED', 'AGE', 'ERROR'],
      targets.map((target) => [
        `${target.kind}/${target.name}`,
        orDash(target.apiVersion),
        spread(target),
        brief(target.hash),
        orDash(target.lastVerifiedTime),
        duration(target.ageSeconds),
        orDash(target.error),
      ]),
    ),
    table(
      ['FAILING TARGET', 'NAMESPACE', 'ERROR'],
      targets.flatMap(({ kind, name, failures = [] }) =>
        failures.map(({ namespace, error }) => [`${kind}/${name}`, namespace, error]),
      ),
    ),
  ];
  const head = lines.map((line) => `${line.slice(0, 2)}${oneLine(line.slice(2))}\n`).join('');
  return [head, ...tables.filter((text) => text !== '')].join('\n');
}

/** In how many of its namespaces a target was seen, and how many refuse it. */
function spread({ namespaces, holding = 0, failing = 0 }: Overview['targets'][number]): string {
  if (namespaces === undefined) return '-';
  return `${holding} of ${namespaces}${failing === 0 ? '' : `, ${failing} failing`}`;
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** As kubectl does: the largest unit of which there are two. */
function duration(seconds: number | undefined): string {
  if (seconds === undefined) return '-';
  const [unit, length] = units.find(([, length]) => seconds >= 2 * length) ?? ['s', 1];
  return `${Math.floor(seconds / length)}${unit}`;
}

export function comparisonText({ alike, places, common, differences }: Comparison): string {
  const counts = places.map(({ place, roots }) => `${place} has ${count(roots, 'root')}`).join(', ');
  const verdict = alike ? 'alike' : `${count(differences.length, 'difference')}, ${common} in common`;
  const blocks = differences.map(
    (root) => `\n${describeRoot(root)}  has it    ${root.in}\n  lacks it  ${root.notIn}\n`,
  );
  return `${verdict}: ${counts}\n${blocks.join('')}`;
}

function describeRoot({ sha256, subject, notBefore, notAfter, unreadable }: HeldRoot): string {
  if (unreadable !== undefined)
    return `${sha256}\n  unreadable  ${unreadable.code}: ${oneLine(unreadable.message)}\n`;
  return `${sha256}\n  subject   ${oneLine(subject ?? '')}\n  valid     ${notBefore} to ${notAfter}\n`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

export function verificationText(verification: Verification): string {
  const { valid, place, at, purposes, chain, faults, leftOut } = verification;
  const verdict = valid ? `verifies for ${purposes.join(' and ')}` : 'does not verify';
  const links = chain.map(({ sha256, subject, names, notBefore, notAfter }) => [
    brief(sha256),
    notBefore,
    notAfter,
    [subject, ...names].filter((text) => text !== '').join(', '),
  ]);
  const blocks = [
    `${verdict} against ${place} at ${at}\n`,
    faults.map(({ code, message, fix }) => `${code}: ${oneLine(message)}\n  ${fix}\n`).join(''),
    table(['CERTIFICATE', 'NOT BEFORE', 'NOT AFTER', 'NAMES'], links),
    table(
      ['LEFT OUT', 'OF', 'CODE', 'WHY'],
      leftOut.map(({ sha256, from, code, message }) => [brief(sha256), from, code, message]),
    ),
  ];
  return blocks.filter((text) => text !== '').join('\n');
}
