import { type LabelSelector, selects } from '#bundles/bundle/label-selector.ts';
import { awaitHold, isStopped, renewHold } from '#bundles/controller/placement/hold.ts';
import {
  type OpenOrder,
  type Order,
  openOrder,
  orderId,
  placementKey,
  splitKey,
} from '#bundles/controller/placement/order.ts';
import { isOurs } from '#bundles/controller/placement/rivalry.ts';
import type { PlacementWatches, SeenNamespace, SeenObject } from '#bundles/controller/placement/watches.ts';
import type { Verdict } from '#bundles/target/claim.ts';
import { targetId } from '#bundles/target/named-target.ts';
import {
  type Decision,
  decide,
  hasten,
  newPlacement,
  noteMatch,
  noteShown,
  owesReadBack,
  type Placement,
} from '#bundles/target/placement.ts';

export interface OrderBookOptions {
  readonly watches: PlacementWatches;
  /** Who publishes the target in that namespace, of all TrustBundles that claim it; undefined when one alone does. */
  readonly verdict: (target: string, namespace: SeenNamespace) => Verdict | undefined;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Every object is looked at again after this time; ms. */
  readonly verifyMs: number;
  /** A placement has something to be done. */
  readonly onWork: (key: string, afterMs: number) => void;
  /** So many have to be read that it is done for the whole order. */
  readonly onOwed: (order: OpenOrder) => void;
}

/** What every TrustBundle asks for, how far it is, and what is to be done next. It makes no request. */
export interface OrderBook {
  /** All that a TrustBundle asks for now; what it asked for before and does not any more is forgotten. */
  take(owner: string, orders: readonly Order[]): readonly OpenOrder[];
  /** Nothing is wished for until it is asked for anew, and what is known of the placements stays known. */
  suspend(owner?: string): void;
  get(id: string): OpenOrder | undefined;
  list(): readonly OpenOrder[];
  find(key: string): { readonly order: OpenOrder; readonly placement: Placement } | undefined;
  decide(order: OpenOrder, placement: Placement): Decision;
  namespaceChanged(name: string): void;
  objectChanged(seen: SeenObject): void;
  /** Looks at every placement for what has to be done. */
  sweep(order: OpenOrder): void;
  /** The same for one placement, whose turn has come or is over. */
  look(order: OpenOrder, placement: Placement): void;
  /** Has read what is owed, once nothing is being written. It costs nothing where nothing is. */
  dispatch(order: OpenOrder): void;
}

/** So few are read one by one. */
const few = 4;

export function createOrderBook(options: OrderBookOptions): OrderBook {
  const { watches, verdict, now, verifyMs, onWork } = options;
  const orders = new Map<string, OpenOrder>();

  function open(order: Order): OpenOrder {
    const id = orderId(order);
    const known = orders.get(id);
    if (known !== undefined) {
      known.order = order;
      return known;
    }
    const made = openOrder(order, now());
    orders.set(id, made);
    return made;
  }

  function shown({ order: { target } }: OpenOrder, { namespace }: Placement) {
    return watches.observed(target.kind, namespace, target.name);
  }

  function verdictOn({ order: { target } }: OpenOrder, { namespace }: Placement): Verdict | undefined {
    const seen = watches.namespace(namespace);
    return seen === undefined ? undefined : verdict(targetId(target), seen);
  }

  function decideOn(open: OpenOrder, placement: Placement): Decision {
    const { desired, growOnly } = open.order;
    const observed = shown(open, placement);
    if (typeof observed !== 'string') noteShown(placement, observed.version);
    if (!isOurs(open, placement, verdictOn(open, placement)) || desired === undefined) return 'nothing';
    const decision = decide(placement, observed, { digest: desired.digest, growOnly }, now());
    if (decision === 'nothing') noteMatch(placement, desired.digest);
    return decision;
  }

  function work(open: OpenOrder, placement: Placement): void {
    open.owed.delete(placement);
    open.active.add(placement.namespace);
    onWork(placementKey(open, placement.namespace), 0);
  }

  function look(open: OpenOrder, placement: Placement): void {
    if (!isStopped(open) && consider(open, placement)) work(open, placement);
  }

  /** True when what it holds is not known, which may be found out for many at once. */
  function consider(open: OpenOrder, placement: Placement): boolean {
    open.owed.delete(placement);
    if (open.active.has(placement.namespace)) return false;
    const decision = decideOn(open, placement);
    if (decision === 'create' || decision === 'patch') {
      if (open.order.held) work(open, placement);
      else awaitHold(open, now());
    }
    const waits = decision === 'wait' || isWaiting(open, placement);
    if (waits) onWork(placementKey(open, placement.namespace), Math.max(1, placement.notBefore - now()));
    else if (decision === 'read' || owes(open, placement)) open.owed.add(placement);
    return decision === 'read';
  }

  function owes({ order: { desired } }: OpenOrder, placement: Placement): boolean {
    return desired !== undefined && owesReadBack(placement, desired.digest);
  }

  /** It could not be read back a moment ago. */
  function isWaiting(open: OpenOrder, placement: Placement): boolean {
    return owes(open, placement) && placement.error !== undefined && now() < placement.notBefore;
  }

  function sweep(open: OpenOrder): void {
    if (watches.hindrance(open.order.target.kind) !== undefined || isStopped(open)) return;
    open.rivals.clear();
    const unread = [...open.placements.values()].filter((placement) => consider(open, placement));
    const isOne = open.order.target.kind === 'secret' || unread.length <= few;
    if (isOne) for (const placement of unread) work(open, placement);
    dispatch(open);
  }

  function dispatch(open: OpenOrder): void {
    // A pass that failed comes again at its own pace.
    if (open.active.size > 0 || open.owed.size === 0 || open.unread !== undefined) return;
    options.onOwed(open);
  }

  function leave(open: OpenOrder, name: string): void {
    const placement = open.placements.get(name);
    if (placement === undefined) return;
    open.placements.delete(name);
    open.owed.delete(placement);
    // Its key, if it waits for its turn, finds nothing any more; and it may have been the last that a pass waited for.
    open.active.delete(name);
    dispatch(open);
  }

  function selection({ order }: OpenOrder): LabelSelector {
    return order.target.spec.namespaceSelector;
  }

  function select(open: OpenOrder): void {
    const selected = new Set<string>();
    for (const { name, labels } of watches.namespaces()) {
      if (!selects(selection(open), labels)) continue;
      selected.add(name);
      if (!open.placements.has(name)) open.placements.set(name, newPlacement(name));
    }
    for (const name of open.placements.keys()) if (!selected.has(name)) leave(open, name);
  }

  /**
   * What a watch shows at the verified version is verified; all else is read again. What a late watch shows stays superseded: else it
   * would be taken for news right after the read.
   */
  function lookAgain(open: OpenOrder): void {
    if (now() - open.lookedAt < verifyMs) return;
    open.lookedAt = now();
    for (const placement of open.placements.values()) {
      const observed = shown(open, placement);
      const isShown = typeof observed !== 'string' && observed.version === placement.version;
      if (!isShown) placement.due = placement.version !== undefined;
    }
  }

  return {
    take(owner, wanted) {
      const taken = wanted.map(open);
      for (const [id, known] of orders) {
        if (known.order.owner === owner && !taken.includes(known)) orders.delete(id);
      }
      for (const one of taken) {
        renewHold(one, now());
        watches.start(one.order.target.kind);
        select(one);
        lookAgain(one);
        sweep(one);
      }
      return taken;
    },
    suspend(owner) {
      for (const one of orders.values()) {
        if (owner !== undefined && one.order.owner !== owner) continue;
        one.order = { ...one.order, desired: undefined };
        one.owed.clear();
        one.unread = undefined;
        one.verifiedAt = undefined;
      }
    },
    get: (id) => orders.get(id),
    list: () => [...orders.values()],
    find(key) {
      const { id, namespace } = splitKey(key);
      const order = orders.get(id);
      const placement = order?.placements.get(namespace);
      return order === undefined || placement === undefined ? undefined : { order, placement };
    },
    decide: decideOn,
    namespaceChanged(name) {
      const seen = watches.namespace(name);
      for (const one of orders.values()) {
        const isSelected = seen !== undefined && selects(selection(one), seen.labels);
        if (!isSelected) leave(one, name);
        if (!isSelected || watches.hindrance(one.order.target.kind) !== undefined) continue;
        const placement = one.placements.get(name) ?? newPlacement(name);
        one.placements.set(name, placement);
        look(one, placement);
      }
    },
    objectChanged({ namespace, name }) {
      for (const one of orders.values()) {
        const { kind, name: own } = one.order.target;
        const placement = kind === 'configMap' && own === name ? one.placements.get(namespace) : undefined;
        if (placement === undefined || watches.hindrance(kind) !== undefined) continue;
        hasten(placement);
        look(one, placement);
      }
    },
    sweep,
    look,
    dispatch,
  };
}
