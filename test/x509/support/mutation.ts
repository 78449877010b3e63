import * as fc from 'fast-check';
import { expect } from 'vitest';
import { X509Error } from '#x509/error.ts';
import { assemble, canonical, changeChildren, type Node, parseBer } from './canonical.ts';
import { inTime } from './in-time.ts';

/** Single bytes replaced, put in or taken out, anywhere. */
export const damage = fc.array(
  fc.record({
    at: fc.nat(2000),
    byte: fc.nat(255),
    how: fc.constantFrom('replace', 'flip', 'insert', 'remove'),
  }),
  { minLength: 1, maxLength: 3 },
);
export type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

export function damaged(der: Buffer, changes: Damage): Buffer {
  let bytes = der;
  for (const { at, byte, how } of changes) {
    const index = at % bytes.length;
    const head = bytes.subarray(0, index);
    const tail = bytes.subarray(how === 'insert' ? index : index + 1);
    const middle = {
      replace: [byte],
      insert: [byte],
      remove: [],
      flip: [bytes.readUInt8(index) ^ (1 << (byte & 7))],
    };
    bytes = Buffer.concat([head, Buffer.from(middle[how]), tail]);
  }
  return bytes;
}

/** Whole elements doubled, dropped, exchanged, retagged or changed within, with all lengths right. */
export const rearrangement = fc.array(
  fc.record({
    parent: fc.nat(200),
    child: fc.nat(20),
    byte: fc.nat(255),
    how: fc.constantFrom('double', 'drop', 'exchange', 'retag', 'replace', 'empty'),
  }),
  { minLength: 1, maxLength: 3 },
);
export type Rearrangement = typeof rearrangement extends fc.Arbitrary<infer T> ? T : never;

export function rearranged(der: Buffer, changes: Rearrangement): Buffer {
  let tree = parseBer(der) ?? expect.fail('no element');
  for (const { parent, child, byte, how } of changes) {
    tree = changeChildren(tree, parent, (children) => {
      const index = child % Math.max(1, children.length);
      const node = children[index];
      if (node === undefined) return children;
      const next = children[index + 1];
      switch (how) {
        case 'double':
          return children.toSpliced(index, 0, node);
        case 'drop':
          return children.toSpliced(index, 1);
        case 'exchange':
          return next === undefined ? children : children.toSpliced(index, 2, next, node);
        case 'retag':
          return children.with(index, { ...node, tag: byte });
        case 'empty':
          return children.with(index, { ...node, contents: Buffer.alloc(0), children: node.children && [] });
        case 'replace':
          return children.with(index, replaced(node, byte));
      }
    });
  }
  return assemble(tree);
}

function replaced(node: Node, byte: number): Node {
  if (node.children !== undefined || node.contents.length === 0) return node;
  const contents = Buffer.from(node.contents);
  contents.writeUInt8(byte, (byte * 7) % contents.length);
  return { ...node, contents };
}

/** Undefined when refused; anything but an X509Error fails the test, and so does one that takes too long to come. */
export function attempt<T>(parse: () => T): T | undefined {
  try {
    return inTime(parse);
  } catch (error) {
    expect(error).toBeInstanceOf(X509Error);
    return undefined;
  }
}

/** @param opened extensions whose values are read */
export function expectCanonical(der: Buffer, opened?: ReadonlySet<string>): void {
  const tree = parseBer(der, opened);
  expect(tree === undefined ? undefined : canonical(tree).toString('hex')).toBe(der.toString('hex'));
}
