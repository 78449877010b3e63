import { describe, expect, test } from 'vitest';
import { WorkQueue } from '#kube/work-queue.ts';
import { metrics, sample } from './scrape.ts';

test('two of them in one process do not mix', async () => {
  const [one, other] = [metrics(), metrics()];
  one.issuance.discarded();
  expect(await sample(one, 'mangrove_issuance_discarded_total')).toBe(1);
  expect(await sample(other, 'mangrove_issuance_discarded_total')).toBe(0);
});

test('the exposition says what it is', async () => {
  const { contentType, body } = await metrics().scrape();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(body).toContain(`mangrove_build_info{version="1.2.3",node="${process.version}"} 1`);
});

describe('issuance', () => {
  test('stands at zero before the first request and counts answers by reason', async () => {
    const made = metrics();
    const csr = made.issuance.frontDoor('csr', () => 7);
    const issued = 'mangrove_issuance_total{front_door="csr",outcome="issued",reason="Issued"}';
    expect(await sample(made, issued)).toBe(0);
    csr.answered('issued', 'Issued', 0.02);
    csr.answered('refused', 'KeyNotAllowed', 0.001);
    csr.postponed('LedgerUnavailable');
    expect(await sample(made, issued)).toBe(1);
    expect(
      await sample(
        made,
        'mangrove_issuance_total{front_door="csr",outcome="refused",reason="KeyNotAllowed"}',
      ),
    ).toBe(1);
    expect(
      await sample(
        made,
        'mangrove_issuance_total{front_door="csr",outcome="postponed",reason="LedgerUnavailable"}',
      ),
    ).toBe(1);
    expect(await sample(made, 'mangrove_signing_requests_pending{front_door="csr"}')).toBe(7);
    expect(
      await sample(made, 'mangrove_issuance_seconds_bucket{le="0.025",front_door="csr",outcome="issued"}'),
    ).toBe(1);
    expect(
      await sample(made, 'mangrove_issuance_seconds_bucket{le="0.01",front_door="csr",outcome="issued"}'),
    ).toBe(0);
  });
});

test('the ledger counts records, times commits and names its errors', async () => {
  const made = metrics();
  made.ledger.committed(32, 0.004, 4);
  made.ledger.failed('LEDGER_UNAVAILABLE');
  expect(await sample(made, 'mangrove_ledger_queue_length')).toBe(4);
  expect(await sample(made, 'mangrove_ledger_records_total')).toBe(32);
  expect(await sample(made, 'mangrove_ledger_commit_seconds_count')).toBe(1);
  expect(await sample(made, 'mangrove_ledger_errors_total{code="LEDGER_UNAVAILABLE"}')).toBe(1);
});

describe('kube', () => {
  test('requests are counted by method and status and timed in seconds', async () => {
    const made = metrics();
    made.kube.requests.attempted('PUT', 409, 30);
    made.kube.requests.attempted('GET', 'KUBE_TIMEOUT', 10_000);
    made.kube.requests.delayed('GET', 1_500);
    made.kube.requests.outcomeUnknown('PUT');
    expect(await sample(made, 'mangrove_kube_unknown_outcomes_total{verb="PUT"}')).toBe(1);
    expect(await sample(made, 'mangrove_kube_unknown_outcomes_total{verb="POST"}')).toBe(0);
    expect(await sample(made, 'mangrove_kube_requests_total{verb="PUT",code="409"}')).toBe(1);
    expect(await sample(made, 'mangrove_kube_requests_total{verb="GET",code="KUBE_TIMEOUT"}')).toBe(1);
    expect(await sample(made, 'mangrove_kube_request_seconds_sum{verb="PUT"}')).toBe(0.03);
    expect(await sample(made, 'mangrove_kube_delay_seconds_total{verb="GET"}')).toBe(1.5);
  });

  test('a reflector counts reconnects and relists and is asked for its lag', async () => {
    const made = metrics();
    const reflector = made.kube.reflector('secrets');
    const watching = 'mangrove_reflector_watching{resource="secrets"}';
    expect(await sample(made, watching)).toBe(0);
    const silent = reflector.started({ state: () => 'watching', lagMs: () => 2_500 });
    const failing = reflector.started({ state: () => 'failing', lagMs: () => 500 });
    reflector.listed(12);
    for (const state of ['watching', 'failing', 'listing', 'watching']) reflector.state(state);
    reflector.event('MODIFIED');
    reflector.failed('KUBE_GONE');
    reflector.rejected();
    // One of two fails.
    expect(await sample(made, watching)).toBe(0);
    expect(await sample(made, 'mangrove_reflector_lag_seconds{resource="secrets"}')).toBe(2.5);
    failing();
    expect(await sample(made, watching)).toBe(1);
    expect(await sample(made, 'mangrove_reflector_watches_total{resource="secrets"}')).toBe(2);
    expect(await sample(made, 'mangrove_reflector_lists_total{resource="secrets"}')).toBe(1);
    expect(await sample(made, 'mangrove_reflector_listed_objects{resource="secrets"}')).toBe(12);
    expect(await sample(made, 'mangrove_reflector_events_total{resource="secrets",type="MODIFIED"}')).toBe(1);
    expect(await sample(made, 'mangrove_reflector_failures_total{resource="secrets",code="KUBE_GONE"}')).toBe(
      1,
    );
    expect(await sample(made, 'mangrove_reflector_rejected_objects_total{resource="secrets"}')).toBe(1);
    silent();
    expect(await sample(made, watching)).toBe(0);
  });

  test('credentials are counted when they change and when they cannot be read', async () => {
    const made = metrics();
    expect(await sample(made, 'mangrove_kube_credentials_changes_total')).toBe(0);
    made.kube.credentials.changed();
    made.kube.credentials.unreadable('KUBE_CONFIG_INVALID');
    expect(await sample(made, 'mangrove_kube_credentials_changes_total')).toBe(1);
    const failures = 'mangrove_kube_credentials_failures_total{code="KUBE_CONFIG_INVALID"}';
    expect(await sample(made, failures)).toBe(1);
  });

  test('the leader and the clock skew are told', async () => {
    const made = metrics();
    expect(await sample(made, 'mangrove_leader')).toBe(0);
    made.kube.leading(true);
    made.kube.clockSkew(() => -1.5);
    expect(await sample(made, 'mangrove_leader')).toBe(1);
    expect(await sample(made, 'mangrove_clock_skew_seconds')).toBe(-1.5);
    made.kube.leading(false);
    expect(await sample(made, 'mangrove_leader')).toBe(0);
  });
});

test('events and heartbeats are counted by what became of them', async () => {
  const made = metrics();
  made.kube.events.sent();
  made.kube.heartbeat.beat();
  made.kube.heartbeat.failed('KUBE_CONFLICT');
  expect(await sample(made, 'mangrove_events_total{fate="sent"}')).toBe(1);
  expect(await sample(made, 'mangrove_events_total{fate="dropped"}')).toBe(0);
  made.kube.events.dropped('Refused', 'full');
  expect(await sample(made, 'mangrove_events_total{fate="dropped"}')).toBe(1);
  expect(await sample(made, 'mangrove_heartbeats_total')).toBe(1);
  expect(await sample(made, 'mangrove_heartbeat_failures_total{code="KUBE_CONFLICT"}')).toBe(1);
});

test('every outcome of a controller stands at zero before its first reconcile', async () => {
  const made = metrics();
  made.controllers.started('bundle', ['success', 'error']);
  const queue = new WorkQueue({ observer: made.controllers.queue('bundle') });
  const of = (outcome: string): string =>
    `mangrove_reconcile_total{controller="bundle",outcome="${outcome}"}`;
  expect(await sample(made, of('error'))).toBe(0);
  made.controllers.reconciled('bundle', 'success', 40);
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await queue.get();
  queue.addAfter('d', 60_000);
  expect(await sample(made, of('success'))).toBe(1);
  expect(await sample(made, of('error'))).toBe(0);
  expect(await sample(made, 'mangrove_reconcile_seconds_sum{controller="bundle"}')).toBe(0.04);
  expect(await sample(made, 'mangrove_work_queue_depth{controller="bundle"}')).toBe(2);
  expect(await sample(made, 'mangrove_work_queue_delayed_total{controller="bundle"}')).toBe(1);
  void queue.shutdown({ discard: true });
  expect(await sample(made, 'mangrove_work_queue_depth{controller="bundle"}')).toBe(0);
});

test('a blocked event loop shows in its lag', async () => {
  const made = metrics();
  await new Promise((resolve) => setTimeout(resolve, 60));
  await made.scrape();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const until = performance.now() + 300;
  while (performance.now() < until) continue;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(await sample(made, 'mangrove_event_loop_lag_seconds{quantile="1"}')).toBeGreaterThan(0.2);
});

test('every metric is ours by name and says what it counts; docs/metrics.md lists them all', async () => {
  const descriptions = metrics().describe();
  for (const { name, help, type } of descriptions) {
    expect(name).toMatch(/^mangrove_[a-z0-9_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/^[A-Z0-9].*\.$/s);
  }
  const rows = descriptions.map(
    ({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`,
  );
  const page = `# Metrics

Every replica serves its metrics in Prometheus text format at \`/metrics\` of \`http.port\`. Seconds are seconds, bytes
are bytes, and a name that ends in \`_timestamp_seconds\` is a date: seconds since the epoch. The replica that leads tells of
bundles; when it leads no more its gauges of them are gone, as are those of a target or source that left a TrustBundle.

| name | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

## Worth an alarm

| expression | what it means |
|---|---|
| \`mangrove_authority_not_after_timestamp_seconds - time() < 30 * 86400\` | a root expires within a month and was not rotated |
| \`mangrove_issuing_not_after_timestamp_seconds - time() < 86400\` | a replica could not renew its issuing certificate |
| \`time() - mangrove_bundle_target_verified_timestamp_seconds > 600\` | a target was not seen to hold the bundle for ten minutes |
| \`mangrove_bundle_target_unread == 1\` | the namespaces of a target cannot be read back; the status of the TrustBundle says why |
| \`increase(mangrove_issuance_total{outcome="postponed"}[10m]) > 0\` | certificates wait because of a fault on our side |
| \`increase(mangrove_ledger_errors_total[10m]) > 0\` | the ledger cannot be written, so nothing is issued |
| \`mangrove_reflector_lag_seconds > 180\` | a watch hears nothing any more |
| \`abs(mangrove_clock_skew_seconds) > 60\` | the clock of a node is wrong |
| \`sum(mangrove_leader) != 1\` | nobody publishes, or two replicas do, for longer than a lease |
`;
  await expect(page).toMatchFileSnapshot('../../docs/metrics.md');
});
