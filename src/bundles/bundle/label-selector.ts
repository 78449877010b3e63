import { z } from 'zod';
import { type Rule, withRules } from '#errors/validation.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const requirementFields = z.object({
  key: z.string().min(1).max(317).describe('Key of the label.'),
  operator: z.enum(operators).describe('How the label is compared with the values.'),
  values: z
    .array(z.string().max(63))
    .max(32)
    .optional()
    .describe('One or more for In and NotIn; none for Exists and DoesNotExist.'),
});

type Requirement = z.output<typeof requirementFields>;

const valuesFit: Rule<Requirement> = {
  cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
  message: 'In and NotIn need values, Exists and DoesNotExist take none',
  holds: ({ operator, values = [] }) => operator.endsWith('In') === values.length > 0,
};

/** A LabelSelector of Kubernetes (meta/v1): all of its requirements must hold; an empty one selects everything. */
export const labelSelectorFields = z.object({
  matchLabels: z
    .record(z.string(), z.string().max(63))
    .meta({ maxProperties: 32 })
    .optional()
    .describe('Labels with these very values.'),
  matchExpressions: z
    .array(withRules(requirementFields, [valuesFit]))
    .max(32)
    .optional()
    .describe('Requirements, all of which must hold.'),
});

export type LabelSelector = z.output<typeof labelSelectorFields>;
export type Labels = Readonly<Record<string, string>>;

/** A selector that selects everything by saying nothing is nearly always an accident. */
export const selectsSomething: Rule<LabelSelector> = {
  cel: '(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)',
  message: 'must have at least one requirement: an empty selector would select everything',
  holds: ({ matchLabels = {}, matchExpressions = [] }) =>
    Object.keys(matchLabels).length + matchExpressions.length > 0,
};

/** Whether an object with these labels is selected (k8s.io/apimachinery pkg/labels: NotIn also holds where the label is absent). */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Labels = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => valueOf(labels, key) === value) &&
    matchExpressions.every((requirement) => meets(requirement, labels))
  );
}

/** A label may be called `constructor`, which every object has as a member. */
function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function meets({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = valueOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return operator satisfies never;
  }
}

/** As kubectl writes it: `app=web,tier in (a,b),!legacy`, in one order for one meaning. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.toSorted().join(',')})`;
  });
  return [...labels, ...expressions].toSorted().join(',');
}
