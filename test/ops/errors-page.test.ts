import { describe, expect, test } from 'vitest';
import { bundlesErrors } from '#errors/bundles.ts';
import { caErrors } from '#errors/ca.ts';
import { cliErrors } from '#errors/cli.ts';
import { csrErrors } from '#errors/csr.ts';
import { errorTable } from '#errors/error.ts';
import { kubeErrors } from '#errors/kube.ts';
import { ledgerErrors } from '#errors/ledger.ts';
import { opsErrors } from '#errors/ops.ts';
import type { ErrorRow } from '#errors/row.ts';
import { sandboxErrors } from '#errors/sandbox.ts';
import { x509Errors } from '#errors/x509.ts';

const rooms: readonly [title: string, rows: Readonly<Record<string, ErrorRow>>][] = [
  ['Certificate requests', csrErrors],
  ['Certificates, keys and names', x509Errors],
  ['Authorities', caErrors],
  ['Bundles', bundlesErrors],
  ['Ledger', ledgerErrors],
  ['API server', kubeErrors],
  ['Configuration and operation', opsErrors],
  ['Sandbox', sandboxErrors],
  ['Command line', cliErrors],
];

test('every code belongs to one room', () => {
  const codes = rooms.flatMap(([, rows]) => Object.keys(rows));
  expect(codes.toSorted()).toEqual(Object.keys(errorTable).toSorted());
});

describe('every row', () => {
  test.each(Object.entries<ErrorRow>(errorTable))('%s', (code, { reason, http, fix, retryable }) => {
    expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/);
    // metav1.Condition, and the stricter rule of PodCertificateRequest.
    expect(reason).toMatch(/^[A-Z][A-Za-z0-9]{0,63}$/);
    expect(fix).toMatch(/^[A-Z].*\.$/s);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
    // A fault that looks like the server's and is not to be tried again would be retried by every client.
    if (!retryable) expect(http).toBeLessThan(500);
  });
});

test('docs/errors.md tells of every code what to do', async () => {
  const sections = rooms.map(([title, rows]) => {
    const lines = Object.entries(rows).map(
      ([code, { reason, retryable, http, grpc, fix }]) =>
        `| \`${code}\` | ${reason} | ${retryable ? 'yes' : 'no'} | ${http} | ${grpc} | ${fix.replaceAll('|', '\\|')} |`,
    );
    return `## ${title}\n\n| code | reason | again? | HTTP | gRPC | what to do |\n|---|---|---|---|---|---|\n${lines.join('\n')}\n`;
  });
  const page = `# Errors

Every error has a code, which never changes its meaning. It stands in log lines (\`code\`) and metrics; the reason stands
in conditions and events. *Again?* says whose move it is: where it says yes, the fault is ours or passing, and it is
tried again by itself; where it says no, somebody must change something first. A requester is told Failed only for the
latter.

${sections.join('\n')}`;
  await expect(page).toMatchFileSnapshot('../../docs/errors.md');
});
