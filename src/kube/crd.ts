import { z } from 'zod';
import type { Resource } from '#kube/resource.ts';
import { schemaVersion, schemaVersionAnnotation } from '#kube/schema-version.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  /** 0 or absent is always shown, higher only with `-o wide`. */
  readonly priority?: number;
}

/** A resource of our own: what the API server must know to serve and to check it. */
export interface CustomResource extends Resource {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** CEL over the whole object, for rules that need metadata.name. */
  readonly rules: readonly { readonly rule: string; readonly message: string }[];
  readonly columns: readonly PrinterColumn[];
}

type Json = Readonly<Record<string, unknown>>;

/** The CustomResourceDefinition (apiextensions.k8s.io/v1) of a resource, one served and stored version. */
export function customResourceDefinition(resource: CustomResource): Json {
  const { group, version, plural, singular, kind, namespaced, shortNames, description, rules } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { [schemaVersionAnnotation]: String(schemaVersion) },
    },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ['mangrove'] },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: resource.columns,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              description,
              type: 'object',
              required: ['spec'],
              'x-kubernetes-validations': rules,
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structuralSchema(resource.spec),
                status: structuralSchema(resource.status),
              },
            },
          },
        },
      ],
    },
  };
}

/** The structural schema (KEP-1979, `x-kubernetes-*` from the metadata of each field) that accepts what `schema` accepts. */
export function structuralSchema(schema: z.ZodType): Json {
  return structural(z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' }), '');
}

/** Keywords that mean in a structural schema what they mean in JSON Schema, in the order in which they are written. */
const keywords = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'items',
  'required',
  'properties',
  'additionalProperties',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

function structural(node: unknown, path: string): Json {
  if (!isObject(node)) throw new TypeError(`${path}: not a schema object`);
  const written: Record<string, unknown> = {};
  for (const keyword of keywords) {
    const value = node[keyword];
    if (value !== undefined) written[keyword] = convert(keyword, value, path);
  }
  for (const keyword of Object.keys(node)) {
    // Closed objects are the rule of structural schemas; and any text may be the name of a property.
    if (keyword === 'propertyNames') continue;
    if (!Object.hasOwn(written, keyword)) throw new TypeError(`${path}: ${keyword} has no structural form`);
  }
  requireBounds(written, path);
  if (written['type'] === 'integer') useInt64(written);
  return written;
}

function convert(keyword: (typeof keywords)[number], value: unknown, path: string): unknown {
  if (keyword === 'items') return structural(value, `${path}[]`);
  if (keyword === 'additionalProperties') {
    if (!isObject(value)) throw new TypeError(`${path}: additionalProperties has no structural form`);
    return structural(value, `${path}.*`);
  }
  if (keyword !== 'properties' || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, property]) => [name, structural(property, `${path}.${name}`)]),
  );
}

/** The API server prices a CEL rule by the largest input that the schema admits: no bound, no rule (KEP-2876). */
function requireBounds(node: Json, path: string): void {
  if (node['type'] === 'array' && node['maxItems'] === undefined) throw new TypeError(`${path}: no maxItems`);
  if (node['additionalProperties'] !== undefined && node['maxProperties'] === undefined)
    throw new TypeError(`${path}: no maxProperties`);
  const bounded = ['maxLength', 'enum', 'format'].some((keyword) => node[keyword] !== undefined);
  if (node['type'] === 'string' && !bounded) throw new TypeError(`${path}: no maxLength`);
}

/** JavaScript's safe range is what zod writes for "no bound"; the API server has a name for it. */
function useInt64(node: Record<string, unknown>): void {
  node['format'] = 'int64';
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
