import type { Condition } from '#kube/object.ts';

/** metav1.Condition limits: the API server refuses more. */
const maxMessageLength = 32_768;

export type ConditionUpdate = Omit<Condition, 'lastTransitionTime'>;

/**
 * A copy of `conditions` in which the one of that type says the new thing, in its old place or at the end.
 * `lastTransitionTime` (RFC 3339, `nowIso`) moves only when the status changes (Kubernetes API conventions).
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  update: ConditionUpdate,
  nowIso: string,
): Condition[] {
  const next = [...(conditions ?? [])];
  const at = next.findIndex((condition) => condition.type === update.type);
  const previous = next[at];
  const condition: Condition = {
    ...update,
    message: update.message.slice(0, maxMessageLength),
    lastTransitionTime: previous?.status === update.status ? previous.lastTransitionTime : nowIso,
  };
  if (previous === undefined) next.push(condition);
  else next[at] = condition;
  return next;
}

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
