import type { z } from 'zod';

/**
 * One rule about several fields, written once for both who must keep it: as CEL for the API server, which
 * refuses the object, and as code for us, who must not trust that it did (a CRD may be old or edited).
 */
export interface Rule<Value> {
  /** CEL over `self`, Kubernetes dialect. */
  readonly cel: string;
  /** What is wrong and what to change; the same from the API server and from us. */
  readonly message: string;
  /** The field to blame, relative to the value that the rule is about. */
  readonly path?: readonly string[];
  readonly holds: (value: Value) => boolean;
}

/** An entry of `x-kubernetes-validations` (apiextensions.k8s.io/v1, ValidationRule). */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

const celKeyword = 'x-kubernetes-validations';

/** A rule about a change, which only the API server sees both sides of. */
export const immutable = (name: string): CelRule => ({
  rule: 'self == oldSelf',
  message: `${name} is immutable: create another object instead`,
});

/** The schema with these rules added to those it has: checked when it parses, and written into the CRD that is made of it. */
export function withRules<Schema extends z.ZodType>(
  schema: Schema,
  rules: readonly Rule<z.output<Schema>>[],
  transitions: readonly CelRule[] = [],
): Schema {
  const earlier: unknown = schema.meta()?.[celKeyword];
  return schema
    .check((context) => {
      for (const rule of rules) {
        if (rule.holds(context.value)) continue;
        context.issues.push({
          code: 'custom',
          input: context.value,
          path: [...(rule.path ?? [])],
          message: rule.message,
          continue: true,
        });
      }
    })
    .meta({
      [celKeyword]: [...(Array.isArray(earlier) ? earlier : []), ...rules.map(celRule), ...transitions],
    });
}

function celRule({ cel, message, path }: Rule<never>): CelRule {
  return path === undefined
    ? { rule: cel, message }
    : { rule: cel, message, fieldPath: `.${path.join('.')}` };
}

/** All that zod found in `raw`, for a human: `spec.leaf.lifetime: must be … (is "x"); spec.…`. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], raw: unknown, root: string): string {
  return issues
    .map((issue) => {
      const value = valueAt(raw, issue.path);
      const text = value === undefined && issue.code === 'invalid_type' ? 'is required' : issue.message;
      return `${fieldPath(root, issue.path)}: ${text}${shown(value)}`;
    })
    .join('; ');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? Reflect.get(value, key)
        : undefined,
    raw,
  );
}

/** Only what fits a line: the reader needs to find the value, not to see a list again. */
function shown(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return '';
  const text = JSON.stringify(value);
  return ` (is ${text.length > 80 ? `${text.slice(0, 80)}…` : text})`;
}

/** `['sources', 0, 'name']` → `spec.sources[0].name`. */
function fieldPath(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    root,
  );
}
