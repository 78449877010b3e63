import { readFile, stat } from 'node:fs/promises';
import { loadAll, YAMLException } from 'js-yaml';
import type { z } from 'zod';
import { MangroveError } from '#errors/error.ts';
import { describeIssues } from '#errors/validation.ts';
import { type Config, type ConfigField, configFields, configSchema } from '#ops/config-schema.ts';
import { nearest } from '#ops/nearest.ts';

const maxFileBytes = 65_536;

export interface ConfigSources {
  /** Path of the YAML file; without one, the environment and the flags say all. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By `attribute` of the field, as text; others are somebody else's. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/**
 * The configuration: the file, then MANGROVE_* variables, then flags; the later wins.
 * @throws MangroveError CONFIG_UNREADABLE, CONFIG_SYNTAX, CONFIG_UNKNOWN_KEY, CONFIG_INVALID
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const text = sources.file === undefined ? '' : await readConfigFile(sources.file);
  return parseConfig(text, sources);
}

/** The same of a text that was read already. */
export function parseConfig(yaml: string, { environment, flags }: Omit<ConfigSources, 'file'>): Config {
  refuseUnknownVariables(environment);
  const raw = parseYaml(yaml);
  for (const field of configFields) {
    const text = flags[field.attribute] ?? environment[field.variable];
    if (text !== undefined) assign(raw, field.path.split('.'), fromText(field, text));
  }
  const result = configSchema.safeParse(raw);
  if (!result.success) throw refusal(result.error.issues, raw);
  return deepFreeze(result.data);
}

async function readConfigFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) {
      throw new MangroveError('CONFIG_UNREADABLE', `${path} has ${size} bytes, more than ${maxFileBytes}`);
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof MangroveError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MangroveError('CONFIG_UNREADABLE', `cannot read the configuration: ${reason}`, { cause });
  }
}

/** A fresh object that may be written to. A file of comments alone is an empty configuration. */
function parseYaml(text: string): Record<string, unknown> {
  let documents: unknown[];
  try {
    documents = loadAll(text);
  } catch (cause) {
    // The exception's own message quotes the file around the error; what it quotes may be anything.
    const where = cause instanceof YAMLException && cause.mark !== undefined ? position(cause.mark) : '';
    const reason = cause instanceof YAMLException ? cause.reason : 'it cannot be read';
    throw new MangroveError('CONFIG_SYNTAX', `the configuration is not YAML${where}: ${reason}`);
  }
  if (documents.length > 1) {
    throw new MangroveError(
      'CONFIG_SYNTAX',
      `the configuration has ${documents.length} documents instead of one`,
    );
  }
  const document = documents[0] ?? {};
  if (!isRecord(document)) {
    throw new MangroveError('CONFIG_SYNTAX', 'the configuration is not a mapping of keys to values');
  }
  return structuredClone(document);
}

function position(mark: { readonly line: number; readonly column: number }): string {
  return ` at line ${mark.line + 1}, column ${mark.column + 1}`;
}

/**
 * A misspelt variable would be a setting that silently does not hold. Variables that the kubelet makes of Services
 * (MANGROVE_PORT_8080_TCP and the like) are not meant for us.
 */
function refuseUnknownVariables(environment: ConfigSources['environment']): void {
  const known = configFields.map(({ variable }) => variable);
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith('MANGROVE_') || known.includes(variable)) continue;
    if (
      /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/.test(
        variable,
      )
    ) {
      continue;
    }
    throw unknownKey(`environment variable ${variable}`, nearest(variable, known));
  }
}

function unknownKey(what: string, suggestion: string | undefined): MangroveError {
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
  return new MangroveError('CONFIG_UNKNOWN_KEY', `${what} is not a key of the configuration${hint}`);
}

/** Writes through a path, unless the file has something else than a mapping there, which the schema will refuse. */
function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  const child = target[key];
  if (isRecord(child)) assign(child, rest, value);
}

/** Text that is no number stays text, for the schema to refuse by name. */
function fromText(field: ConfigField, text: unknown): unknown {
  if (typeof text !== 'string') return text;
  if (field.type === 'list') return text.split(',').map((item) => item.trim());
  return field.type.startsWith('integer') && /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text;
}

function refusal(issues: readonly z.core.$ZodIssue[], raw: unknown): MangroveError {
  for (const issue of issues) {
    const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    if (key === undefined) continue;
    const path = [...issue.path, key].join('.');
    return unknownKey(path, nearest(path, knownPaths()));
  }
  return new MangroveError('CONFIG_INVALID', describeIssues(issues, raw, ''));
}

function knownPaths(): string[] {
  const leaves = configFields.map(({ path }) => path);
  return [
    ...leaves,
    ...new Set(leaves.filter((path) => path.includes('.')).map((path) => path.split('.')[0] ?? '')),
  ];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
