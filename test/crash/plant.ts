import { describe, expect, test } from 'vitest';
import { certificatesOf, decoded } from './chain.ts';
import { violations } from './checker.ts';
import { evidenceOf, type Sound, type Spoilable, type SpoilableVersion } from './sound-evidence.ts';
import type { Kind } from './watcher.ts';

/** Spoils one piece of evidence. */
export type Spoil = (evidence: Spoilable) => void;
/** A sentence of the checker, as a pattern, and what makes it say so. */
export type Plant = readonly [sentence: string, spoil: Spoil];

export const encoded = (text: string): string => Buffer.from(text).toString('base64');
const last = ({ seen }: Spoilable, kind: Kind): SpoilableVersion => {
  const version = seen[kind].at(-1);
  if (version === undefined) throw new Error(`there are no ${kind}`);
  return version;
};
export const change =
  (kind: Kind, spoil: (object: SpoilableVersion['object'], version: SpoilableVersion) => void): Spoil =>
  (evidence) => {
    const version = last(evidence, kind);
    spoil(version.object, version);
  };
/** One more version after all others. */
export const afterwards =
  (kind: Kind, spoil: (object: SpoilableVersion['object'], version: SpoilableVersion) => void): Spoil =>
  (evidence) => {
    const next = { ...structuredClone(last(evidence, kind)), revision: 90 };
    evidence.seen[kind].push(next);
    spoil(next.object, next);
  };
export const rootOf = ({ seen }: Spoilable): string => decoded(seen.secrets[0]?.object.data?.['tls.crt']);
export const chainOf = (evidence: Spoilable): string[] =>
  certificatesOf(decoded(last(evidence, 'requests').object.status?.certificate)).map(String);
export const deliver =
  (chain: (leaf: string, issuing: string) => string): Spoil =>
  (evidence) => {
    const [leaf = '', issuing = ''] = chainOf(evidence);
    const { object } = last(evidence, 'requests');
    object.status = { ...object.status, certificate: encoded(chain(leaf, issuing)) };
  };
export const entry =
  (kind: 'leaf' | 'issuing', fields: Record<string, unknown>): Spoil =>
  (evidence) => {
    evidence.entries = evidence.entries.map((each) => (each.kind === kind ? { ...each, ...fields } : each));
  };
/** In base64, as its Secret has it. */
export const keyOf = ({ seen }: Spoilable): string => seen.secrets[0]?.object.data?.['tls.key'] ?? '';

/** The last byte of its signature is another one. */
export function damaged(pem: string): string {
  const [certificate] = certificatesOf(pem);
  const der = Buffer.from(certificate?.raw ?? Buffer.alloc(0));
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

/** Each violation alone, in evidence that is sound else: the checker says its sentence. */
export function plants(sound: () => Sound, what: string, planted: readonly Plant[]): void {
  describe(what, () => {
    test.each(planted)('%s', (sentence, spoil) => {
      const evidence = sound().copy();
      spoil(evidence);
      const said = violations(evidenceOf(evidence));
      expect(said.filter((each) => new RegExp(sentence).test(each))).not.toEqual([]);
    });
  });
}
