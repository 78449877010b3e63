import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { parseCertificate } from '#x509/certificate.ts';
import { validatePath } from '#x509/path/validation.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import { openssl, opensslReadsCertificate } from '../oracle/openssl.ts';
import { constraints, directory, dns, email, network, uri } from './path/support/constraints.ts';
import { commonName, intermediate, leaf, now, root } from './path/support/issued.ts';
import { runs, timeout } from './support/campaign.ts';
import { attempt, damage, damaged, expectCanonical, rearranged, rearrangement } from './support/mutation.ts';
import { signedRequest } from './support/request.ts';

vi.setConfig({ testTimeout: timeout });

/** Roots that browsers trust, as far as we read them: keys, names and extensions of a hundred makers. */
const roots = getCACertificates('bundled')
  .flatMap((pem) => parsePem(pem, 'CERTIFICATE'))
  .filter((der) => attempt(() => parseCertificate(der)) !== undefined);

/** The OpenSSL that Node has: quick enough to be asked each time. */
function nodeReads(der: Buffer): boolean {
  try {
    return new X509Certificate(der).publicKey.type === 'public';
  } catch {
    return false;
  }
}

/** The first certificate that OpenSSL finds in a text, in hex. */
function nodeRaw(pem: string): string {
  try {
    return new X509Certificate(pem).raw.toString('hex');
  } catch (error) {
    return String(error);
  }
}

const changes = fc.oneof(
  damage.map((change) => (der: Buffer) => damaged(der, change)),
  rearrangement.map((change) => (der: Buffer) => rearranged(der, change)),
);

test('a changed root of a browser is refused with an X509Error, or is DER that OpenSSL reads, too', () => {
  expect(roots.length).toBeGreaterThan(90);
  const accepted: Buffer[] = [];
  fc.assert(
    fc.property(fc.constantFrom(...roots), changes, (der, change) => {
      const bytes = change(der);
      if (attempt(() => parseCertificate(bytes)) === undefined) return;
      expectCanonical(bytes);
      expect(nodeReads(bytes), bytes.toString('hex')).toBe(true);
      accepted.push(bytes);
    }),
    runs,
  );
  expect(accepted.length).toBeGreaterThan(20);
  for (const der of accepted.slice(0, 10))
    expect(opensslReadsCertificate(der), der.toString('hex')).toBe(true);
});

describe('PEM text', () => {
  /** Lines and what stands between them: doubled, dropped, exchanged, glued together, or with something put in. */
  const textChange = fc.array(
    fc.record({
      line: fc.nat(200),
      at: fc.nat(64),
      how: fc.constantFrom('double', 'drop', 'exchange', 'glue', 'split', 'insert', 'replace', 'case'),
      text: fc.constantFrom(
        ' ',
        '\t',
        '\r',
        '\0',
        '=',
        '-',
        '\u00a0',
        '\ufeff',
        'A',
        '=A',
        '-----',
        '-----BEGIN CERTIFICATE-----',
        '-----END CERTIFICATE-----',
        'Key: value',
      ),
    }),
    { minLength: 1, maxLength: 3 },
  );
  type TextChange = typeof textChange extends fc.Arbitrary<infer T> ? T : never;

  function changedText(text: string, list: TextChange): string {
    let lines = text.split('\n');
    for (const { line, at, how, text: added } of list) {
      const index = line % lines.length;
      const [current = '', next = ''] = lines.slice(index, index + 2);
      const replacement = {
        double: [current, current, next],
        drop: [next],
        exchange: [next, current],
        glue: [current + next],
        split: [current.slice(0, at), current.slice(at), next],
        insert: [current.slice(0, at) + added + current.slice(at), next],
        replace: [current.slice(0, at) + added + current.slice(at + added.length), next],
        case: [current.toLowerCase(), next],
      };
      lines = lines.toSpliced(index, 2, ...replacement[how]);
    }
    return lines.join('\n');
  }

  const anyChange = fc.oneof(
    textChange.map((list) => (text: string) => changedText(text, list)),
    damage.map((list) => (text: string) => damaged(Buffer.from(text, 'latin1'), list).toString('latin1')),
  );

  test('of a certificate: refused with an X509Error, or OpenSSL reads the same certificate from it', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...roots), anyChange, (der, change) => {
        const text = change(encodePem('CERTIFICATE', der));
        const blocks = attempt(() => parsePem(text, 'CERTIFICATE'));
        const [first] = blocks ?? [];
        if (first === undefined || attempt(() => parseCertificate(first)) === undefined) return;
        accepted += 1;
        expect(nodeRaw(text), JSON.stringify(text)).toBe(first.toString('hex'));
      }),
      runs,
    );
    expect(accepted).toBeGreaterThan(20);
  });

  test('of several certificates: none is lost, whatever is accepted', () => {
    const [one, two] = [roots[0] ?? Buffer.alloc(0), roots[1] ?? Buffer.alloc(0)];
    const whole = encodePem('CERTIFICATE', one) + encodePem('CERTIFICATE', two);
    fc.assert(
      fc.property(anyChange, (change) => {
        const text = change(whole);
        const blocks = attempt(() => parsePem(text, 'CERTIFICATE'));
        if (blocks !== undefined)
          expect(blocks.length).toBe(text.split('-----BEGIN CERTIFICATE-----').length - 1);
      }),
      runs,
    );
  });

  test('of a request: refused with an X509Error, or OpenSSL reads the same request from it', () => {
    const pem = encodePem('CERTIFICATE REQUEST', signedRequest());
    const accepted: { readonly text: string; readonly der: Buffer }[] = [];
    fc.assert(
      fc.property(textChange, (list) => {
        const text = changedText(pem, list);
        const [der, ...others] = attempt(() => parsePem(text, 'CERTIFICATE REQUEST')) ?? [];
        if (der?.equals(signedRequestOf(pem)) === true && others.length === 0) accepted.push({ text, der });
      }),
      runs,
    );
    expect(accepted.length).toBeGreaterThan(10);
    for (const { text, der } of accepted.slice(0, 10)) {
      const { status, stdout } = readByOpenssl(text);
      expect(status, JSON.stringify(text)).toBe(true);
      expect(stdout).toBe(encodePem('CERTIFICATE REQUEST', der));
    }
  });
});

const signedRequestOf = (pem: string): Buffer =>
  parsePem(pem, 'CERTIFICATE REQUEST')[0] ?? expect.fail('no block');

function readByOpenssl(pem: string): { readonly status: boolean; readonly stdout: string } {
  const { ok, stdout } = openssl(['req', '-outform', 'PEM'], pem);
  return { status: ok, stdout };
}

describe('path validation', () => {
  const lists = {
    permitted: [dns('example.com'), network('0a000000ff000000'), directory(commonName('intermediate'))],
    excluded: [uri('.example.org'), email('a@example.com')],
  };
  const anchor = root({ extra: [constraints(lists)] });
  const middle = intermediate(anchor);
  const end = leaf(middle, { names: [{ kind: 'dns', value: 'a.example.com' }] });
  const chain = [end, middle, anchor].map(({ der }) => der);

  test('never throws, and never accepts a certificate that was changed after it was signed', () => {
    let judged = 0;
    fc.assert(
      fc.property(fc.nat(2), changes, (which, change) => {
        const bytes = chain.map((der, i) => (i === which ? change(der) : der));
        const certificates = attempt(() => bytes.map(parseCertificate));
        const [first, second, third] = certificates ?? [];
        if (first === undefined || second === undefined || third === undefined) return;
        const changed = !bytes.every((der, i) => chain[i]?.equals(der));
        const { valid } = validatePath({
          leaf: first,
          intermediates: [second],
          anchors: [third],
          at: now,
          purpose: 'serverAuth',
        });
        judged += 1;
        // What is trusted is trusted as it is: nobody checks the signature of an anchor.
        if (changed && which < 2) expect(valid).toBe(false);
        if (!changed) expect(valid).toBe(true);
      }),
      runs,
    );
    expect(judged).toBeGreaterThan(20);
  });
});
