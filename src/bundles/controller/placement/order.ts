import type { Bundle } from '#bundles/bundle/bundle.ts';
import { targetFailure } from '#bundles/controller/failure.ts';
import type { Content } from '#bundles/target/channels.ts';
import { kindNames, type PlacementTarget, targetId } from '#bundles/target/named-target.ts';
import { type DesiredObject, desiredObject } from '#bundles/target/placed-object.ts';
import type { Placement } from '#bundles/target/placement.ts';
import { render } from '#bundles/target/rendering.ts';
import type { MangroveError } from '#errors/error.ts';

/** What a TrustBundle asks for in many namespaces. */
export interface Order {
  /** Name of the TrustBundle. */
  readonly owner: string;
  readonly target: PlacementTarget;
  /** Undefined: there is nothing to publish, and what stands stays. */
  readonly desired: DesiredObject | undefined;
  /** Why there is nothing to publish. */
  readonly problem: MangroveError | undefined;
  readonly growOnly: boolean;
  /** Its TrustBundle stays until what is written is gone, where it takes that with it; until it does, things are only looked at. */
  readonly held: boolean;
}

/** An order and how far it is. */
export interface OpenOrder {
  readonly id: string;
  order: Order;
  /** By namespace. */
  readonly placements: Map<string, Placement>;
  /** Namespaces that wait for their turn now, or are being worked on. */
  readonly active: Set<string>;
  /** Those whose content has to be read, when they were last looked at. */
  readonly owed: Set<Placement>;
  /** Other TrustBundles that name the same object in a namespace of ours. */
  readonly rivals: Set<string>;
  /** Something of it could be written, were it held. */
  awaitsHold: boolean;
  /** How often in a row it was found to wait for that. */
  unheld: number;
  /** Monotonic ms before which it is not looked at again for that. */
  unheldUntil: number;
  /** Monotonic ms of the last look at everything. */
  lookedAt: number;
  /** Why the last pass that should have read back what is owed came to nothing; it is tried again. */
  unread: MangroveError | undefined;
  /** When the whole was last seen to hold what it should: wall clock, ms. */
  verifiedAt: number | undefined;
}

/** @param now monotonic ms */
export function openOrder(order: Order, now: number): OpenOrder {
  return {
    id: orderId(order),
    order,
    placements: new Map(),
    active: new Set(),
    owed: new Set(),
    rivals: new Set(),
    awaitsHold: false,
    unheld: 0,
    unheldUntil: 0,
    lookedAt: now,
    unread: undefined,
    verifiedAt: undefined,
  };
}

export function orderId({
  owner,
  target,
}: Pick<Order, 'owner'> & { readonly target: Pick<PlacementTarget, 'kind' | 'name'> }): string {
  return `${owner} ${targetId(target)}`;
}

/** `<TrustBundle> <kind>/<name> <namespace>`: none of them can contain a blank. */
export function placementKey(order: OpenOrder, namespace: string): string {
  return `${order.id} ${namespace}`;
}

export function placementKeyOf(
  owner: string,
  { namespace, ...target }: Pick<PlacementTarget, 'kind' | 'name'> & { readonly namespace: string },
): string {
  return `${owner} ${targetId(target)} ${namespace}`;
}

/** Whose key it is: bundles take turns. */
export function ownerOfKey(key: string): string {
  return key.slice(0, key.indexOf(' '));
}

export function splitKey(key: string): { readonly id: string; readonly namespace: string } {
  const at = key.lastIndexOf(' ');
  return { id: key.slice(0, at), namespace: key.slice(at + 1) };
}

export interface OrderTerms extends Pick<Order, 'held'> {
  /** Keys that left the specification leave the objects, too. */
  readonly prunes: boolean;
}

/** Makes orders, each of which is rendered once for as long as it stays the same. */
export interface Orders {
  of(target: PlacementTarget, owner: string, content: Content, terms: OrderTerms): Order;
  forget(owner: string): void;
}

export function createOrders(): Orders {
  /** By owner and target. */
  const rendered = new Map<string, Map<string, { readonly of: string; readonly desired: DesiredObject }>>();

  function desiredBy(target: PlacementTarget, owner: string, bundle: Bundle, prunes: boolean): DesiredObject {
    const of = JSON.stringify([bundle.sha256, target.spec, prunes]);
    const known = rendered.get(owner)?.get(targetId(target));
    if (known?.of === of) return known.desired;
    const desired = desiredObject(target, render(bundle, target.spec.keys), { owner, prunes });
    const own =
      rendered.get(owner) ?? new Map<string, { readonly of: string; readonly desired: DesiredObject }>();
    rendered.set(owner, own.set(targetId(target), { of, desired }));
    return desired;
  }

  return {
    of(target, owner, { bundle, error, partial }, { prunes, held }) {
      const common = { owner, target, growOnly: partial, held };
      const what = `${kindNames[target.kind]} ${target.name}`;
      if (bundle === undefined) return { ...common, desired: undefined, problem: targetFailure(what, error) };
      try {
        return { ...common, desired: desiredBy(target, owner, bundle, prunes), problem: undefined };
      } catch (cause) {
        return { ...common, desired: undefined, problem: targetFailure(what, cause) };
      }
    },
    forget: (owner) => void rendered.delete(owner),
  };
}
