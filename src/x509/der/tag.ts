/** Identifier octets that the reader expects (X.690 §8.1.2); the writer has its own. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const names = new Map<number, string>(
  Object.entries(Tag).map(([name, tag]) => [
    tag,
    name.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase(),
  ]),
);

/** Identifier octet of a context-specific element with a primitive encoding. */
export const contextPrimitive = (number: number): number => 0x80 | number;

/** Identifier octet of a context-specific element with a constructed encoding. */
export const contextConstructed = (number: number): number => 0xa0 | number;

/** For messages: `SEQUENCE (0x30)`, `[0] (0xa0)`. */
export function describeTag(tag: number): string {
  const hex = `0x${tag.toString(16).padStart(2, '0')}`;
  const name = names.get(tag);
  if (name !== undefined) return `${name} (${hex})`;
  return (tag & 0xc0) === 0x80 ? `[${tag & 0x1f}] (${hex})` : hex;
}
