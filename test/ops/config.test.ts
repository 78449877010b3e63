import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { errorCode, errorMessage } from '#errors/error.ts';
import { loadConfig, parseConfig } from '#ops/config.ts';
import { configFields } from '#ops/config-schema.ts';
import { scratchDirectory } from '../support/scratch.ts';

const nothing = { environment: {}, flags: {} };

function refusalOf(yaml: string, sources: Partial<typeof nothing> = {}): { code: unknown; message: string } {
  try {
    parseConfig(yaml, { ...nothing, ...sources });
  } catch (error) {
    return { code: errorCode(error), message: errorMessage(error) };
  }
  throw new Error(`accepted: ${yaml}`);
}

describe('a configuration', () => {
  test('needs only the name of the replica; the rest has defaults', () => {
    expect(parseConfig('replica: mangrove-0', nothing)).toEqual({
      replica: 'mangrove-0',
      namespace: 'mangrove-system',
      bundlesWithoutAuthority: 'handle',
      sources: { namespace: 'mangrove-trust', directory: '/sources' },
      targets: { directory: '/targets' },
      ledger: { path: '/var/lib/mangrove/ledger.db' },
      http: { port: 8080 },
      leaderElection: { leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 2 },
      log: { level: 'info' },
      keys: { provider: 'peculiar' },
      drainSeconds: 20,
    });
  });

  test('takes the file, then the environment, then the flags', () => {
    const yaml = 'replica: file\nnamespace: file\ncontext: file\nledger: { path: /file }\n';
    const environment = { MANGROVE_NAMESPACE: 'variable', MANGROVE_CONTEXT: 'variable', HOME: '/root' };
    const config = parseConfig(yaml, {
      environment: { ...environment, MANGROVE_AUTHORITIES: 'mesh, staging', MANGROVE_HTTP_PORT: '0' },
      flags: { context: 'flag', leaderElectionRetryPeriodSeconds: '3', config: 'not a key of ours' },
    });
    expect(config).toMatchObject({
      replica: 'file',
      namespace: 'variable',
      context: 'flag',
      authorities: ['mesh', 'staging'],
      ledger: { path: '/file' },
      http: { port: 0 },
      leaderElection: { retryPeriodSeconds: 3 },
    });
  });

  test('cannot be changed after it was read', () => {
    const config = parseConfig('replica: a\nauthorities: [mesh]', nothing);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.ledger)).toBe(true);
    expect(Object.isFrozen(config.authorities)).toBe(true);
  });

  test('may be a file of comments alone', () => {
    expect(parseConfig('# nothing\n', { ...nothing, flags: { replica: 'a' } }).replica).toBe('a');
  });
});

describe('refused with its name and the nearest known one', () => {
  test.each([
    [
      'replica: a\nledger: { pth: /x }',
      'ledger.pth is not a key of the configuration; did you mean ledger.path?',
    ],
    ['replica: a\nlegder: { path: /x }', 'legder is not a key of the configuration; did you mean ledger?'],
    [
      'replica: a\nleaderElection: { leaseDuration: 15 }',
      'did you mean leaderElection.leaseDurationSeconds?',
    ],
    [
      'replica: a\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1',
      'qqqqqqqqqqqqqqqqqqqqqqqqqqqqq is not a key of the configuration',
    ],
    ['replica: a\n__proto__: { x: 1 }', '__proto__ is not a key of the configuration'],
  ])('the key of %j', (yaml, message) => {
    const refusal = refusalOf(yaml);
    expect(refusal.code).toBe('CONFIG_UNKNOWN_KEY');
    expect(refusal.message).toContain(message);
  });

  test('a variable that begins like ours', () => {
    expect(refusalOf('replica: a', { environment: { MANGROVE_LEDGER_PAHT: '/x' } })).toEqual({
      code: 'CONFIG_UNKNOWN_KEY',
      message:
        'environment variable MANGROVE_LEDGER_PAHT is not a key of the configuration; did you mean MANGROVE_LEDGER_PATH?',
    });
  });

  test('but not what a kubelet makes of a Service named mangrove', () => {
    const environment = {
      MANGROVE_SERVICE_HOST: '10.0.0.1',
      MANGROVE_SERVICE_PORT_METRICS: '8080',
      MANGROVE_PORT: 'tcp://10.0.0.1:8080',
      MANGROVE_PORT_8080_TCP_ADDR: '10.0.0.1',
      MANGROVE_METRICS_SERVICE_PORT: '8080',
    };
    expect(parseConfig('replica: a', { environment, flags: {} }).http.port).toBe(8080);
  });
});

describe('refused with the path, the value and what is allowed', () => {
  test.each([
    ['{}', /^replica: is required$/],
    ['replica: Mangrove_0', /^replica: must be a Kubernetes name.*\(is "Mangrove_0"\)/],
    ['replica: a\nhttp: { port: 65536 }', /^http\.port: .*65535 \(is 65536\)/],
    ['replica: a\nhttp: 8080', /^http: .*object.*\(is 8080\)/],
    ['replica: a\nlog: { level: loud }', /^log\.level: .*"trace".*\(is "loud"\)/],
    ['replica: a\nledger: { path: "" }', /^ledger\.path: /],
    ['replica: a\nauthorities: []', /^authorities: /],
    [
      'replica: a\nleaderElection: { renewDeadlineSeconds: 15 }',
      /^leaderElection\.renewDeadlineSeconds: must be less than leaderElection\.leaseDurationSeconds/,
    ],
    [
      'replica: a\nleaderElection: { retryPeriodSeconds: 10 }',
      /^leaderElection\.retryPeriodSeconds: must be less than leaderElection\.renewDeadlineSeconds/,
    ],
  ])('%j', (yaml, message) => {
    const refusal = refusalOf(yaml);
    expect(refusal.code).toBe('CONFIG_INVALID');
    expect(refusal.message).toMatch(message);
  });

  test('a flag that is not the number it should be', () => {
    expect(refusalOf('replica: a', { flags: { httpPort: '80a' } }).message).toMatch(
      /^http\.port: .*\(is "80a"\)/,
    );
  });
});

describe('refused without a look at its content', () => {
  test.each([
    ['replica: a\nreplica: b', /line 2, column 1: duplicate/i],
    ['replica: [a', /line \d+, column \d+/],
    ['replica: a\n---\nreplica: b', /2 documents/],
    ['- replica', /not a mapping/],
    ['just text', /not a mapping/],
  ])('%j', (yaml, message) => {
    const refusal = refusalOf(yaml);
    expect(refusal.code).toBe('CONFIG_SYNTAX');
    expect(refusal.message).toMatch(message);
  });

  test('a syntax error does not quote the file', () => {
    expect(refusalOf('password: hunter2\n  : [').message).not.toContain('hunter2');
  });

  test('whatever the bytes are, the answer is a configuration or an error with a code', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (yaml) => {
        try {
          parseConfig(yaml, nothing);
        } catch (error) {
          expect(errorCode(error)).toMatch(/^CONFIG_/);
        }
      }),
    );
  });
});

describe('the file', () => {
  let directory: string;
  beforeAll(() => {
    directory = scratchDirectory();
  });

  test('is read from where it is', async () => {
    const file = join(directory, 'config.yaml');
    await writeFile(file, 'replica: mangrove-1\n');
    expect((await loadConfig({ file, ...nothing })).replica).toBe('mangrove-1');
  });

  test('is not needed', async () => {
    expect((await loadConfig({ ...nothing, environment: { MANGROVE_REPLICA: 'a' } })).replica).toBe('a');
  });

  test('must exist and be small', async () => {
    const large = join(directory, 'large.yaml');
    await writeFile(large, `replica: a\n#${'x'.repeat(65_536)}`);
    for (const [file, message] of [
      [join(directory, 'absent.yaml'), /ENOENT.*absent\.yaml/],
      [directory, /EISDIR/],
      [large, /has 65548 bytes/],
    ] as const) {
      const error = await loadConfig({ file, ...nothing }).catch((caught: unknown) => caught);
      expect(errorCode(error)).toBe('CONFIG_UNREADABLE');
      expect(errorMessage(error)).toMatch(message);
    }
  });
});

test('docs/configuration.md says of every key its names, its type, its default and its meaning', async () => {
  const rows = configFields.map(({ path, variable, flag, type, description, default: standard }) => {
    const shown = standard === undefined ? 'none' : `\`${JSON.stringify(standard)}\``;
    return `### \`${path}\`\n\n${description}\n\n- type: ${type}\n- default: ${shown}\n- variable: \`${variable}\`, flag: \`${flag}\`\n`;
  });
  const page = `# Configuration

\`mangrove controller --config FILE\` reads a YAML file. A \`MANGROVE_*\` environment variable overrides the file, and a
flag overrides both. A key that is not listed here is refused, in the file and in the environment. Lists in variables
and flags are separated by commas. The configuration is read once, at the start.

\`\`\`yaml
replica: mangrove-0
ledger:
  path: /var/lib/mangrove/ledger.db
log:
  level: info
\`\`\`

What is signed, for whom and for how long is not configuration: it is said by CertificateAuthority objects.

## Keys

${rows.join('\n')}`;
  await expect(page).toMatchFileSnapshot('../../docs/configuration.md');
});
