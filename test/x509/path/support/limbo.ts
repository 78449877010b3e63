import { parseCertificate } from '#x509/certificate.ts';
import { X509Error } from '#x509/error.ts';
import type { PathLimits } from '#x509/path/budget.ts';
import type { ExpectedName } from '#x509/path/expected-name.ts';
import { validatePath } from '#x509/path/validation.ts';
import { parsePem } from '#x509/pem.ts';
import { ipAddress } from './ip-address.ts';

/** A test case in the format of x509-limbo (limbo-schema.json), as far as it is used here. */
export interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'CLIENT' | 'SERVER';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: LimboName | null;
  readonly expected_peer_names: readonly LimboName[];
  readonly max_chain_depth: number | null;
}

interface LimboName {
  readonly kind: 'DNS' | 'IP' | 'RFC822';
  readonly value: string;
}

export interface LimboResult {
  readonly result: 'SUCCESS' | 'FAILURE';
  /** Codes of the refusal; empty for a success. */
  readonly codes: readonly string[];
  readonly signatureChecks: number;
}

/** Judges one case with our reader and our validator alone. @param now epoch seconds, for cases that give no time. */
export function judge(testcase: LimboCase, now: number): LimboResult {
  try {
    const read = (pem: string) => parsePem(pem, 'CERTIFICATE').map(parseCertificate);
    const [leaf, ...others] = read(testcase.peer_certificate);
    if (leaf === undefined || others.length > 0) throw new Error(`${testcase.id} has no single leaf`);
    const { validation_time: time, max_chain_depth: depth } = testcase;
    const answer = validatePath({
      leaf,
      intermediates: testcase.untrusted_intermediates.flatMap(read),
      anchors: testcase.trusted_certs.flatMap(read),
      // Times of certificates are whole seconds: a fraction of one has no say.
      at: time === null ? now : Math.floor(Date.parse(time) / 1000),
      purpose: testcase.validation_kind === 'SERVER' ? 'serverAuth' : 'clientAuth',
      names: namesOf(testcase),
      // Its depth counts intermediates only.
      ...(depth === null ? {} : { limits: { length: Math.min(6, depth + 2) } satisfies Partial<PathLimits> }),
    });
    return {
      result: answer.valid ? 'SUCCESS' : 'FAILURE',
      codes: answer.valid ? [] : answer.faults.map(({ code }) => code),
      signatureChecks: answer.signatureChecks,
    };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return { result: 'FAILURE', codes: [error.code], signatureChecks: 0 };
  }
}

function namesOf({ expected_peer_name: name, expected_peer_names: names }: LimboCase): ExpectedName[] {
  return (name === null ? names : [name]).map(({ kind, value }) => {
    if (kind === 'IP') return { kind: 'ip', value: ipAddress(value) };
    return { kind: kind === 'DNS' ? 'dns' : 'email', value };
  });
}
