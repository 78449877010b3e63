import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { crdFiles } from '#cli/crds.ts';
import { structuralSchema } from '#kube/crd.ts';
import { packageRoot } from '#sandbox/package-root.ts';
import { controlPlane } from '../support/control-plane.ts';

test('manifests/crds is what the schemas say; `npm run generate` writes it', () => {
  const directory = join(packageRoot(), 'manifests', 'crds');
  const files = crdFiles();
  expect(readdirSync(directory).sort()).toEqual(files.map(({ name }) => name).sort());
  for (const { name, yaml } of files) expect(readFileSync(join(directory, name), 'utf8')).toBe(yaml);
});

describe('a schema that no CRD can say is refused when it is generated', () => {
  test.each([
    [
      'a text without a bound, which no CEL rule could be priced for',
      z.object({ a: z.string() }),
      '.a: no maxLength',
    ],
    ['a list without a bound', z.object({ a: z.array(z.int()) }), '.a: no maxItems'],
    [
      'a union of two shapes',
      z.object({ a: z.union([z.int(), z.boolean()]) }),
      '.a: anyOf has no structural form',
    ],
    ['a map without a bound', z.record(z.string(), z.int()), ': no maxProperties'],
    ['refused unknown keys', z.strictObject({ a: z.int() }), ': additionalProperties has no structural form'],
  ])('%s', (_name, schema, message) => {
    expect(() => structuralSchema(schema)).toThrow(new TypeError(message));
  });
});

test('the API server finds both CRDs structural and serves them', async () => {
  const { kubectl } = await controlPlane();
  const crds = JSON.parse(
    await kubectl([
      'get',
      'crd',
      'certificateauthorities.mangrove.dev',
      'trustbundles.mangrove.dev',
      '-o',
      'json',
    ]),
  ) as { items: { status: { conditions: { type: string; status: string; message: string }[] } }[] };
  expect(crds.items).toHaveLength(2);
  for (const { status } of crds.items) {
    expect(status.conditions.filter((condition) => condition.type === 'NonStructuralSchema')).toEqual([]);
    expect(status.conditions.find((condition) => condition.type === 'Established')?.status).toBe('True');
  }
});
