import { type ErrorRows, misconfigured } from '#errors/row.ts';

export const opsErrors = {
  CONFIG_UNREADABLE: misconfigured(
    'ConfigUnreadable',
    'Give --config a file that exists, that this user may read, and that is smaller than 64 KiB.',
  ),
  CONFIG_SYNTAX: misconfigured(
    'ConfigSyntax',
    'Correct the YAML at the line and column named: one document, one mapping, no key twice.',
  ),
  CONFIG_UNKNOWN_KEY: misconfigured(
    'ConfigUnknownKey',
    'Remove the key or correct its spelling; docs/configuration.md lists them all.',
  ),
  CONFIG_INVALID: misconfigured(
    'ConfigInvalid',
    'Correct the named value; docs/configuration.md says what each key takes.',
  ),
  HTTP_LISTEN: misconfigured(
    'HttpListen',
    'Choose another http.host or http.port: the address is taken, not of this machine, or not permitted.',
  ),
} as const satisfies ErrorRows<string>;
