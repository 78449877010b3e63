import { Registry } from 'prom-client';
import { type ControllerMetrics, controllerMetrics } from '#ops/metrics/controller.ts';
import { instrumentsOf, type MetricDescription } from '#ops/metrics/instrument.ts';
import { type IssuanceMetrics, issuanceMetrics } from '#ops/metrics/issuance.ts';
import { type KubeMetrics, kubeMetrics } from '#ops/metrics/kube.ts';
import { type LedgerMetrics, ledgerMetrics } from '#ops/metrics/ledger.ts';
import { processMetrics } from '#ops/metrics/process.ts';
import {
  type AuthorityMetrics,
  authorityMetrics,
  type BundleMetrics,
  bundleMetrics,
} from '#ops/metrics/trust.ts';

/** One part per room, each shaped as the observer that the room accepts. */
export interface Metrics {
  readonly issuance: IssuanceMetrics;
  readonly ledger: LedgerMetrics;
  readonly kube: KubeMetrics;
  readonly controllers: ControllerMetrics;
  readonly authorities: AuthorityMetrics;
  readonly bundles: BundleMetrics;
  /** Everything in Prometheus text format, and its content type. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Name, help, type and labels of every metric: the source of docs/metrics.md. */
  describe(): readonly MetricDescription[];
  close(): void;
}

/** Metrics in a registry of their own: two of them in one process never mix. */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry();
  const instruments = instrumentsOf(registry);
  const stop = processMetrics(instruments, version);
  return {
    issuance: issuanceMetrics(instruments),
    ledger: ledgerMetrics(instruments),
    kube: kubeMetrics(instruments),
    controllers: controllerMetrics(instruments),
    authorities: authorityMetrics(instruments),
    bundles: bundleMetrics(instruments),
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    describe: () => instruments.made,
    close: stop,
  };
}
