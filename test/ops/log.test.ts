import { Writable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MangroveError } from '#errors/error.ts';
import { createLogger } from '#ops/log.ts';

const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl';
const key = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----\n';
const request =
  '-----BEGIN CERTIFICATE REQUEST-----\nMIHNMHUCAQAwEzERMA8GA1UEAwwI\n-----END CERTIFICATE REQUEST-----\n';

function capture(level: 'info' | 'trace' = 'trace') {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLogger({ replica: 'mangrove-0', log: { level } }, stream);
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  return { log, lines, last };
}

test('a line is JSON with time, level by name, replica and what was given', () => {
  const { log, last } = capture();
  log.info({ code: 'CA_NOT_READY', attempts: 3 }, 'waiting');
  expect(last()).toMatchObject({
    level: 'info',
    replica: 'mangrove-0',
    code: 'CA_NOT_READY',
    attempts: 3,
    msg: 'waiting',
  });
  expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('less severe than the level is not written', () => {
  const { log, lines } = capture('info');
  log.debug('no');
  expect(lines).toEqual([]);
});

describe('an error', () => {
  test('keeps name, code, message, stack and causes', () => {
    const { log, last } = capture();
    const cause = Object.assign(new Error('ECONNREFUSED 127.0.0.1:6443'), { code: 'ECONNREFUSED' });
    log.error({ err: new MangroveError('CA_NOT_READY', 'no authority', { cause }) }, 'failed');
    expect(last()['err']).toMatchObject({
      name: 'MangroveError',
      code: 'CA_NOT_READY',
      message: 'no authority',
      stack: expect.stringContaining('log.test.ts'),
      cause: { name: 'Error', code: 'ECONNREFUSED', message: 'ECONNREFUSED 127.0.0.1:6443' },
    });
  });

  test('keeps nothing else that a library hung on it, under whatever key it is logged', () => {
    const { log, lines, last } = capture();
    const error = Object.assign(new Error('403'), { response: { headers: { 'x-secret': 'swordfish' } } });
    log.warn({ problem: error, list: [error] }, 'refused');
    log.error(error);
    log.child({ origin: 'watch' }).error({ err: error });
    expect(lines.join('')).not.toContain('swordfish');
    expect(last()).toMatchObject({ origin: 'watch', msg: '403', err: { message: '403' } });
  });

  test('that is its own cause ends', () => {
    const { log, last } = capture();
    const error = new Error('round');
    error.cause = error;
    log.error({ err: error });
    expect(last()['err']).toMatchObject({ message: 'round', cause: { cause: { message: 'round' } } });
  });
});

describe('never in a line', () => {
  const secrets = {
    'a token': token,
    'a private key': key,
    'a key of the traditional form': key.replaceAll('PRIVATE', 'EC PRIVATE'),
    'a key in base64': Buffer.from(key).toString('base64'),
    'a request': request,
    'a request in base64': Buffer.from(request).toString('base64'),
    'an authorization header': 'Bearer abcdef0123456789',
    'half of a key': key.slice(0, 50),
  };
  const core = (secret: string): string =>
    secret.replace(/^(Bearer |-----BEGIN [A-Z ]+-----\n)/, '').slice(0, 12);

  test.each(Object.entries(secrets))('%s, wherever it stands', (_name, secret) => {
    const { log, lines } = capture();
    log.info(secret);
    log.info({ note: secret }, 'note');
    log.info({ deep: { er: { still: [{ value: secret }] } } }, 'deep');
    log.child({ binding: secret }).info('child');
    log.error({ err: new Error(`got ${secret} there`, { cause: new Error(secret) }) }, `saw ${secret}`);
    expect(lines).toHaveLength(5);
    for (const line of lines) {
      expect(line).not.toContain(core(secret));
      expect(line).toContain('[redacted]');
      expect(() => JSON.parse(line) as unknown).not.toThrow();
    }
  });

  test('the value of a telling key, in an object or in a child logger', () => {
    const { log, lines } = capture();
    log.info({
      options: { headers: { Authorization: 'opaque-1' } },
      token: 'opaque-2',
      password: 'a"opaque-3',
    });
    log.child({ token: 'opaque-4' }).info({ spec: { request: 'opaque-5', signerName: 'example.com/a' } });
    log.info({ 'tls.key': ['opaque-6'] });
    expect(lines.join('')).not.toContain('opaque');
    expect(lines.join('')).toContain('example.com/a');
  });

  test('bytes, of which only the number is told', () => {
    const { log, last } = capture();
    log.info({
      der: Buffer.from('secret'),
      view: new Uint8Array(3),
      nested: [{ buffer: new ArrayBuffer(2) }],
    });
    expect(last()).toMatchObject({ der: '[6 bytes]', view: '[3 bytes]', nested: [{ buffer: '[2 bytes]' }] });
  });
});

test('a line stays one line of JSON, whatever is logged', () => {
  const { log, lines } = capture();
  fc.assert(
    fc.property(
      fc.object({ withBigInt: true, withTypedArray: true, withMap: true, withSet: true }),
      fc.string(),
      (object, text) => {
        lines.length = 0;
        log.info({ object }, text);
        expect(lines).toHaveLength(1);
        expect(lines[0]?.endsWith('\n')).toBe(true);
        expect(() => JSON.parse(lines[0] ?? '') as unknown).not.toThrow();
      },
    ),
  );
});

test('a certificate, a fingerprint and a serial may be logged', () => {
  const { log, lines } = capture();
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  log.info({ certificate, serial: '0a1b2c', sha256: 'ab'.repeat(32) });
  expect(lines[0]).toContain('MIIB');
  expect(lines[0]).not.toContain('[redacted]');
});
