import { encodeName, type NameAttribute } from '#x509/name.ts';
import { ascii, OID, type Part, seq, TRUE, tlv } from '../../support/der.ts';
import { extension } from '../../support/request.ts';

// GeneralName elements as bases of subtrees; also such as no reader should take.
export const dns = (name: string): Buffer => ascii(0x82, name);
export const email = (name: string): Buffer => ascii(0x81, name);
export const uri = (host: string): Buffer => ascii(0x86, host);
/** Address and mask in hex. */
export const network = (hex: string): Buffer => tlv(0x87, hex);
export const directory = (...attributes: readonly NameAttribute[]): Buffer =>
  tlv(0xa4, encodeName(attributes));
/** An otherName of some type of somebody. */
export const otherName = tlv(0xa0, '06032a0304', tlv(0xa0, ascii(0x0c, 'x')));

/** Bases of subtrees. */
export interface SubtreeLists {
  readonly permitted?: readonly Buffer[];
  readonly excluded?: readonly Buffer[];
}

/** A nameConstraints extension. */
export function constraints(lists: SubtreeLists, critical: Part = TRUE): Buffer {
  const list = (tag: number, bases: readonly Part[] | undefined): Part =>
    bases === undefined ? '' : tlv(tag, ...bases.map((base) => seq(base)));
  return extension(
    OID.nameConstraints,
    seq(list(0xa0, lists.permitted), list(0xa1, lists.excluded)),
    critical,
  );
}
