import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { parseCertificate } from '#x509/certificate.ts';
import { validatePath } from '#x509/path/validation.ts';
import { encodePem, parsePem } from '#x509/pem.ts';
import { opensslReadsCertificate } from '../oracle/openssl.ts';
import { constraints, directory, dns, email, network, uri } from './path/support/constraints.ts';
import { commonName, intermediate, leaf, now, root } from './path/support/issued.ts';
import { assertAlways, timeout } from './support/campaign.ts';
import { attempt, damage, damaged, expectCanonical, rearranged, rearrangement } from './support/mutation.ts';
import { inTime } from './support/in-time.ts';
import { expectReadByNode } from './support/read-by-openssl.ts';
import { anyTextChange } from './support/text-change.ts';

vi.setConfig({ testTimeout: timeout });

/** Roots that browsers trust, as far as we read them: keys, names and extensions of a hundred makers. */
const roots = getCACertificates('bundled')
  .flatMap((pem) => parsePem(pem, 'CERTIFICATE'))
  .filter((der) => attempt(() => parseCertificate(der)) !== undefined);

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
  assertAlways(
    fc.property(fc.constantFrom(...roots), changes, (der, change) => {
      const bytes = change(der);
      const certificate = attempt(() => parseCertificate(bytes));
      if (certificate === undefined) return;
      expectCanonical(bytes);
      expectReadByNode(certificate);
      accepted.push(bytes);
    }),
  );
  expect(accepted.length).toBeGreaterThan(20);
  for (const der of accepted.slice(0, 10))
    expect(opensslReadsCertificate(der), der.toString('hex')).toBe(true);
});

describe('PEM text', () => {
  test('of a certificate: refused with an X509Error, or OpenSSL reads the same certificate from it', () => {
    let accepted = 0;
    assertAlways(
      fc.property(fc.constantFrom(...roots), anyTextChange, (der, change) => {
        const text = change(encodePem('CERTIFICATE', der));
        const blocks = attempt(() => parsePem(text, 'CERTIFICATE'));
        const [first] = blocks ?? [];
        if (first === undefined || attempt(() => parseCertificate(first)) === undefined) return;
        accepted += 1;
        expect(nodeRaw(text), JSON.stringify(text)).toBe(first.toString('hex'));
      }),
    );
    expect(accepted).toBeGreaterThan(20);
  });

  test('of several certificates: none is lost, whatever is accepted', () => {
    const [one, two] = [roots[0] ?? Buffer.alloc(0), roots[1] ?? Buffer.alloc(0)];
    const whole = encodePem('CERTIFICATE', one) + encodePem('CERTIFICATE', two);
    assertAlways(
      fc.property(anyTextChange, (change) => {
        const text = change(whole);
        const blocks = attempt(() => parsePem(text, 'CERTIFICATE'));
        if (blocks !== undefined)
          expect(blocks.length).toBe(text.split('-----BEGIN CERTIFICATE-----').length - 1);
      }),
    );
  });
});

describe('path validation', () => {
  const lists = {
    permitted: [dns('example.com'), network('0a000000ff000000'), directory(commonName('intermediate'))],
    excluded: [uri('.example.org'), email('a@example.com')],
  };
  const anchor = root({ extra: [constraints(lists)] });
  const middle = intermediate(anchor);
  const end = leaf(middle, { names: [{ kind: 'dns', value: 'a.example.com' }] });
  const chain = [end, middle, anchor].map(({ der }) => der);

  test('never throws, never hangs, and never accepts a certificate that was changed after it was signed', () => {
    let judged = 0;
    assertAlways(
      fc.property(fc.nat(2), changes, (which, change) => {
        const bytes = chain.map((der, i) => (i === which ? change(der) : der));
        const certificates = attempt(() => bytes.map(parseCertificate));
        const [first, second, third] = certificates ?? [];
        if (first === undefined || second === undefined || third === undefined) return;
        const changed = !bytes.every((der, i) => chain[i]?.equals(der));
        const { valid } = inTime(() =>
          validatePath({
            leaf: first,
            intermediates: [second],
            anchors: [third],
            at: now,
            purpose: 'serverAuth',
          }),
        );
        judged += 1;
        // What is trusted is trusted as it is: nobody checks the signature of an anchor.
        if (changed && which < 2) expect(valid).toBe(false);
        if (!changed) expect(valid).toBe(true);
      }),
    );
    expect(judged).toBeGreaterThan(20);
  });
});
