import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parsePem } from '#x509/pem.ts';
import { openssl } from '../../oracle/openssl.ts';
import { inScratch } from '../../support/scratch.ts';
import { exampleId } from './request.ts';

const keys = [
  ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  ['-algorithm', 'ED25519'],
  ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
] as const;

const head = (...lines: readonly string[]): string =>
  ['[req]', 'prompt = no', 'string_mask = utf8only', 'utf8 = yes', ...lines, ''].join('\n');

const names = `[names]
URI = ${exampleId}
DNS = web.default.svc
IP.1 = 10.0.0.1
IP.2 = fd00::1
email = web@example.com
RID = 1.2.3.4
otherName = 1.3.6.1.4.1.311.20.2.3;UTF8:web@example.com
dirName = subject
[subject]
C = CH
O = Mangrove
OU = Wörker
CN = web
`;

/** Configurations of `openssl req`. */
const requests = [
  `${head('distinguished_name = subject')}[subject]\n`,
  `${head('distinguished_name = subject', 'req_extensions = wanted')}${names}
[wanted]
subjectAltName = @names
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth, 1.2.3.4
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
tlsfeature = status_request
1.2.3.4.5 = ASN1:UTF8String:anything
`,
  `${head('distinguished_name = subject', 'attributes = attributes', 'req_extensions = wanted')}${names}
[wanted]
subjectAltName = critical, URI:${exampleId}
basicConstraints = CA:TRUE, pathlen:3
[attributes]
unstructuredName = A name
1.2.840.113549.1.9.8 = An address
`,
  // We refuse it for its password, which a change may take away.
  `${head('distinguished_name = subject', 'attributes = attributes')}${names}
[attributes]
challengePassword = A password
unstructuredName = A name
`,
];

/** DER of requests that OpenSSL made, of every kind of key, with extensions and attributes. */
export function opensslRequests(): readonly Buffer[] {
  return inScratch((folder) =>
    keys.flatMap((genpkey) => {
      const key = join(folder, 'key.pem');
      writeFileSync(key, openssl(['genpkey', ...genpkey]).stdout);
      return requests.map((text) => {
        const config = join(folder, 'req.cnf');
        writeFileSync(config, text);
        const subject = text.endsWith('[subject]\n') ? ['-subj', '/'] : [];
        const { ok, stdout, stderr } = openssl(['req', '-new', '-key', key, '-config', config, ...subject]);
        expect(ok, stderr).toBe(true);
        return parsePem(stdout, 'CERTIFICATE REQUEST')[0] ?? expect.fail('no request');
      });
    }),
  );
}
