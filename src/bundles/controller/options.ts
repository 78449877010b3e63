import type { Logger } from 'pino';
import type { TrustBundle } from '#bundles/bundle/resource.ts';
import type { BundleObserver } from '#bundles/controller/bundle-observer.ts';
import type { BundleControllerTiming } from '#bundles/controller/timing.ts';
import type { AuthorityLookup } from '#bundles/source/authority.ts';
import type { KubeClient } from '#kube/client.ts';
import type { Clock } from '#kube/clock.ts';
import type { ControllerObserver } from '#kube/controller.ts';
import type { EventRecorder } from '#kube/event.ts';
import type { ReflectorObserver } from '#kube/reflector.ts';
import type { QueueObserver } from '#kube/work-queue.ts';
import type { Step } from '#step.ts';

export interface BundleControllerOptions {
  readonly client: KubeClient;
  /** ca/, as far as bundles need it; call `authorityChanged` when an answer changes. */
  readonly authorityAnchors: AuthorityLookup;
  /** Where sources may lie. */
  readonly sources: {
    /** The namespace of ConfigMaps and Secrets. */
    readonly namespace: string;
    /** The directory of files. */
    readonly directory: string;
  };
  /** Where targets may lie. */
  readonly targets?: {
    /** The directory of files. */
    readonly directory: string;
  };
  /** The namespace of the product, which holds its keys and nothing else. */
  readonly namespace?: string;
  /** Only the leader publishes; asked before each reconcile. That two think so for a moment does no harm. */
  readonly isLeader: () => boolean;
  /** Nothing is published before: until ca/ has read its own state, every authority would seem to be missing. */
  readonly ready?: Promise<unknown>;
  /** Which TrustBundles are ours to publish; default all. The others still count when a target is claimed twice. */
  readonly handles?: (bundle: TrustBundle) => boolean;
  /** A TrustBundle appeared, changed or went away, its status included; with the CertificateAuthorities that it reads. */
  readonly onTrustBundle?: (authorities: readonly string[]) => void;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly log: Logger;
  readonly observer?: BundleObserver;
  readonly controllerObserver?: ControllerObserver;
  /** By the name of the controller. */
  readonly queueObserver?: (controller: string) => QueueObserver;
  /** By the plural of the resource. */
  readonly reflectorObserver?: (plural: string) => ReflectorObserver;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly timing?: Partial<BundleControllerTiming>;
  readonly step?: Step;
}
