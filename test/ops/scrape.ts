import { afterEach } from 'vitest';
import { createMetrics, type Metrics } from '#ops/metrics.ts';

const open: Metrics[] = [];

/** Metrics that end with their test. */
export function metrics(): Metrics {
  const made = createMetrics({ version: '1.2.3' });
  open.push(made);
  return made;
}
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

/** The value of one sample, by its name and labels as the exposition format writes them. */
export async function sample(made: Metrics, name: string): Promise<number | undefined> {
  const { body } = await made.scrape();
  const line = body.split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
