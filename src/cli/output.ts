import { Option } from 'commander';
import { dump } from 'js-yaml';

export type OutputFormat = 'text' | 'json' | 'yaml';

/** Exit code of a command that did its work and found what it was asked to look for. */
export const foundSomething = 79;

/** `-o`, the same for every command. */
export function outputOption(): Option {
  return new Option('-o <format>', 'format of the output').choices(['text', 'json', 'yaml']).default('text');
}

/** Prints a value on standard output: as the text for people, or the same content for programs. */
export function print(format: OutputFormat, value: unknown, text: string): void {
  process.stdout.write(
    format === 'text' ? text : format === 'json' ? `${JSON.stringify(value)}\n` : dump(value),
  );
}
