import { MangroveError } from '#errors/error.ts';

/** What is about to be signed: recorded before the signature, so that no certificate can exist unknown. */
export interface Intent {
  /** Content octets of the certificate's serial number, 1 to 20 (RFC 5280 §4.1.2.2), in lower-case hex like every digest here. */
  readonly serial: string;
  readonly kind: RecordKind;
  /** Authority that the certificate chains to: its SKI in hex. */
  readonly authority: string;
  /** SHA-256 in hex of the certificate whose key signs: the issuing certificate, or the root for kind `issuing`. */
  readonly issuer: string;
  /** `csr`, `controller` … */
  readonly frontDoor: string;
  /** UID of the request object, or what stands for one. */
  readonly requestUid: string;
  /** SPIFFE URI of the holder. */
  readonly identity: string;
  readonly spkiSha256: string;
  readonly tbsSha256: string;
  /** Whole seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Milliseconds since the epoch. */
  readonly recordedAt: number;
}

export type RecordKind = 'leaf' | 'issuing';

/** What became of an intent. */
export interface Result {
  readonly serial: string;
  /** `discarded`: signed or not, it was never handed out. */
  readonly outcome: Outcome;
  readonly certificateSha256: string | undefined;
  /** Milliseconds since the epoch. */
  readonly recordedAt: number;
}

export type Outcome = 'issued' | 'discarded';

/** An intent without a result means: such a certificate may exist. */
export interface LedgerEntry {
  readonly intent: Intent;
  readonly result: Result | undefined;
}

export function recordKind(text: string): RecordKind {
  return text === 'leaf' || text === 'issuing' ? text : invalid(`kind is '${text}', not leaf or issuing`);
}

export function outcome(text: string): Outcome {
  return text === 'issued' || text === 'discarded'
    ? text
    : invalid(`outcome is '${text}', not issued or discarded`);
}

const maxText = 4096;

/** @throws LEDGER_RECORD_INVALID: the ledger keeps nothing that could not be found again or compared. */
export function assertIntent(intent: Intent): void {
  assertSerial(intent.serial);
  assertDigest('spkiSha256', intent.spkiSha256);
  assertDigest('tbsSha256', intent.tbsSha256);
  for (const name of ['authority', 'issuer', 'frontDoor', 'requestUid', 'identity'] as const) {
    const { length } = intent[name];
    if (length === 0 || length > maxText)
      invalid(`${name} has ${length} characters, 1 to ${maxText} are kept`);
  }
  assertWhole('notBefore', intent.notBefore);
  assertWhole('notAfter', intent.notAfter);
  assertWhole('recordedAt', intent.recordedAt);
}

/** @throws LEDGER_RECORD_INVALID */
export function assertResult(result: Result): void {
  assertSerial(result.serial);
  if (result.certificateSha256 !== undefined) assertDigest('certificateSha256', result.certificateSha256);
  else if (result.outcome === 'issued') invalid('an issued certificate has a certificateSha256');
  assertWhole('recordedAt', result.recordedAt);
}

/** @throws LEDGER_RECORD_INVALID */
export function assertSerial(serial: string): void {
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) invalid('a serial is 1 to 20 bytes in lower-case hex');
}

/** @throws LEDGER_RECORD_INVALID */
export function assertDigest(name: string, digest: string): void {
  if (!/^[0-9a-f]{64}$/.test(digest)) invalid(`${name} is a SHA-256 in lower-case hex, 64 characters`);
}

function assertWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value)) invalid(`${name} is ${value}, not a whole number`);
}

function invalid(message: string): never {
  throw new MangroveError('LEDGER_RECORD_INVALID', message);
}
