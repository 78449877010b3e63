import { z } from 'zod';
import { withRules } from '#errors/validation.ts';

/**
 * Hours, minutes and seconds, in this order, each at most once: the part of Go's time.ParseDuration that has
 * one spelling per unit. CEL's duration() reads it alike, and nine digits cannot overflow its nanoseconds.
 */
const expression = '^([0-9]{1,6}h([0-9]{1,6}m)?([0-9]{1,9}s)?|[0-9]{1,6}m([0-9]{1,9}s)?|[0-9]{1,9}s)$';
const syntax = new RegExp(expression);

const secondsPer: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** Seconds of a duration that matches the syntax; NaN of any other text, so that no comparison with it holds. */
export function durationSeconds(text: string): number {
  if (!syntax.test(text)) return Number.NaN;
  return [...text.matchAll(/([0-9]+)([hms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (secondsPer[unit ?? ''] ?? Number.NaN),
    0,
  );
}

/** A duration field of a resource, within bounds that are durations themselves. */
export function durationField(min: string, max: string): z.ZodString {
  const [from, to] = [durationSeconds(min), durationSeconds(max)];
  return withRules(z.string().max(24), [
    {
      cel: `self.matches('${expression}') && duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`,
      message: `must be a duration from ${min} to ${max}, such as 24h, 1h30m or 90s`,
      holds: (text) => durationSeconds(text) >= from && durationSeconds(text) <= to,
    },
  ]);
}
