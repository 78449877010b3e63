import { describe, expect, test } from 'vitest';
import { errorRow, errorTable } from '#errors/error.ts';
import { answerError, watchError } from '#kube/error.ts';
import { statusBody } from './fault-proxy.ts';

describe('answerError', () => {
  test.for([
    [400, 'BadRequest', 'KUBE_INVALID'],
    [401, 'Unauthorized', 'KUBE_UNAUTHORIZED'],
    [403, 'Forbidden', 'KUBE_FORBIDDEN'],
    [404, 'NotFound', 'KUBE_NOT_FOUND'],
    [405, 'MethodNotAllowed', 'KUBE_INVALID'],
    [409, 'Conflict', 'KUBE_CONFLICT'],
    [409, 'AlreadyExists', 'KUBE_ALREADY_EXISTS'],
    [410, 'Expired', 'KUBE_GONE'],
    [413, 'RequestEntityTooLarge', 'KUBE_INVALID'],
    [422, 'Invalid', 'KUBE_INVALID'],
    [429, 'TooManyRequests', 'KUBE_TOO_MANY_REQUESTS'],
    [500, 'InternalError', 'KUBE_UNAVAILABLE'],
    [503, 'ServiceUnavailable', 'KUBE_UNAVAILABLE'],
    [504, 'Timeout', 'KUBE_TIMEOUT'],
    [302, 'Found', 'KUBE_RESPONSE_INVALID'],
  ] as const)('%i %s is %s', ([status, reason, code]) => {
    const error = answerError(
      { what: 'GET /x', write: false },
      status,
      statusBody(status, reason, 'what the server says'),
    );
    expect(error).toMatchObject({ code, status, reason });
    expect(error.message).toBe(`GET /x: ${status} what the server says`);
  });

  test('no answer to us is the fault of whoever asked for a certificate', () => {
    for (const code of Object.keys(errorTable).filter((code) => code.startsWith('KUBE_'))) {
      // Only a change by the operator mends these; all of them end a start, none a request.
      const retryable = code !== 'KUBE_CONFIG_INVALID' && !code.startsWith('KUBE_SCHEMA_');
      expect([code, errorRow(Object.assign(new Error(code), { code })).retryable]).toEqual([code, retryable]);
    }
  });

  test('about a Secret the words of the server, or of a webhook that quotes it, are not repeated', () => {
    const status = {
      ...statusBody(422, 'Invalid', 'admission webhook denied: data.key is "hunter2"'),
      details: { causes: [{ field: 'data[key]', message: 'bad value hunter2' }] },
    };
    for (const path of [
      'PUT /api/v1/namespaces/ns/secrets/s?fieldManager=m',
      'POST /api/v1/namespaces/ns/secrets',
    ]) {
      expect(answerError({ what: path, write: false }, 422, status).message).toBe(
        `${path}: 422 Invalid (data[key])`,
      );
      expect(answerError({ what: path, write: false }, 500, 'hunter2').message).not.toContain('hunter2');
    }
    expect(answerError({ what: 'PUT /apis/x/v1/secretsauce/s', write: true }, 422, status).message).toContain(
      'hunter2',
    );
  });

  test('a wait that stands only in the Status counts too, and a long page is cut', () => {
    const status = { ...statusBody(429, 'TooManyRequests'), details: { retryAfterSeconds: 7 } };
    expect(answerError({ what: 'GET /x', write: false }, 429, status).retryAfterMs).toBe(7_000);
    expect(answerError({ what: 'GET /x', write: false }, 429, status, 2_000).retryAfterMs).toBe(2_000);
    expect(
      answerError({ what: 'GET /x', write: false }, 502, 'x'.repeat(10_000)).message.length,
    ).toBeLessThan(1_100);
  });

  test('an ERROR event of a watch carries its own status', () => {
    expect(watchError('watch', statusBody(410, 'Expired'))).toMatchObject({ code: 'KUBE_GONE', status: 410 });
    expect(watchError('watch', 'nonsense')).toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  });
});
