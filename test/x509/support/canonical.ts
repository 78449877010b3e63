import { tlv } from './der.ts';

/** An element of BER, read as leniently as can be; the values of extensions are elements again. */
export interface Node {
  readonly tag: number;
  readonly children: readonly Node[] | undefined;
  readonly contents: Buffer;
}

/** Reads one element of BER that fills `bytes`; undefined when there is none. */
export function parseBer(bytes: Buffer, opened = readInCertificates): Node | undefined {
  const found = elementAt(bytes, 0, opened);
  return found?.end === bytes.length ? found.node : undefined;
}

function elementAt(
  bytes: Buffer,
  at: number,
  opened: ReadonlySet<string>,
): { node: Node; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined || first === 0x80 || first > 0x84) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (at + 2 + octets > bytes.length) return undefined;
  const length = octets === 0 ? first : bytes.readUIntBE(at + 2, octets);
  const start = at + 2 + octets;
  const end = start + length;
  if (end > bytes.length) return undefined;
  const contents = bytes.subarray(start, end);
  return { node: { tag, contents, children: childrenOf(tag, contents, opened) }, end };
}

function childrenOf(tag: number, contents: Buffer, opened: ReadonlySet<string>): Node[] | undefined {
  if ((tag & 0x20) === 0) return undefined;
  const children: Node[] = [];
  let at = 0;
  while (at < contents.length) {
    const found = elementAt(contents, at, opened);
    if (found === undefined) return undefined;
    children.push(found.node);
    at = found.end;
  }
  const isOpened = opened.has(oidOf(children[0]));
  return children.map((child, index) =>
    isOpened && index > 0 && child.tag === 0x04 ? open(child, opened) : child,
  );
}

const extensionRequest = '2a864886f70d01090e';
const subjectAltName = '551d11';
/** Key usage, names, basic constraints and purposes: extensions whose values our reader of requests reads. */
export const readInRequests: ReadonlySet<string> = new Set(['551d0f', subjectAltName, '551d13', '551d25']);
/** And the subject key id. */
const readInCertificates: ReadonlySet<string> = new Set([...readInRequests, '551d0e']);

const oidOf = (node: Node | undefined): string => (node?.tag === 0x06 ? node.contents.toString('hex') : '');

/** The OCTET STRING of an extension holds an element again. */
function open(node: Node, opened: ReadonlySet<string>): Node {
  const inner = parseBer(node.contents, opened);
  return inner === undefined ? node : { ...node, children: [inner] };
}

/** DER of what the element means: what a strict reader accepts is this already. */
export function canonical(node: Node): Buffer {
  const { tag, children } = node;
  if (children === undefined) return tlv(tag, canonicalContents(node));
  const [first, second, third] = children;
  const isOtherAttribute = first?.tag === 0x06 && second?.tag === 0x31 && oidOf(first) !== extensionRequest;
  // Of what is in attributes that nobody knows OpenSSL is the judge; only its lengths are looked at here.
  if (isOtherAttribute) return assemble(node);
  if (oidOf(first) === subjectAltName) return tlv(tag, ...children.filter(isEncoded).map(canonicalNames));
  const isExtension = oidOf(first) !== '' && second?.tag === 0x01 && third?.tag === 0x04;
  const encoded = (isExtension ? children.filter(isEncoded) : children).map(canonical);
  if (tag === 0x31) encoded.sort((a, b) => Buffer.compare(a, b));
  return tlv(tag, ...encoded);
}

/** Of the general names, directory names are read, and the rest of the constructed ones kept as they stand. */
function canonicalNames(node: Node): Buffer {
  if (node.tag === 0x04 || node.tag === 0x30)
    return tlv(node.tag, ...(node.children ?? []).map(canonicalNames));
  return node.tag === 0x01 || node.tag === 0xa4 ? canonical(node) : assemble(node);
}

/** `critical` is FALSE by default, and a default is not encoded. */
const isEncoded = ({ tag, contents }: Node): boolean => tag !== 0x01 || contents.some((byte) => byte !== 0);

function canonicalContents({ tag, contents }: Node): Buffer {
  if (tag === 0x01) return Buffer.from([contents.some((byte) => byte !== 0) ? 0xff : 0]);
  if (tag === 0x02) return minimalInteger(contents);
  if (tag === 0x03) return zeroPadded(contents);
  return contents;
}

function minimalInteger(contents: Buffer): Buffer {
  let rest = contents;
  while (rest.length > 1 && rest[0] === ((rest[1] ?? 0) & 0x80 ? 0xff : 0)) rest = rest.subarray(1);
  return rest;
}

function zeroPadded(contents: Buffer): Buffer {
  const bytes = Buffer.from(contents);
  const unused = bytes[0] ?? 0;
  const last = bytes.length - 1;
  if (last > 0) bytes.writeUInt8(bytes.readUInt8(last) & (0x100 - (1 << unused)), last);
  return bytes;
}

/** The element with its lengths as they must be, and everything else as it is. */
export function assemble(node: Node): Buffer {
  return node.children === undefined
    ? tlv(node.tag, node.contents)
    : tlv(node.tag, ...node.children.map(assemble));
}

/** Applies `change` to the children of the `n`-th element that has any, counted from the outside. */
export function changeChildren(
  root: Node,
  n: number,
  change: (children: readonly Node[]) => readonly Node[],
): Node {
  let left = n % countParents(root);
  const visit = (node: Node): Node => {
    if (node.children === undefined) return node;
    const isIt = left === 0;
    left -= 1;
    return { ...node, children: isIt ? change(node.children) : node.children.map(visit) };
  };
  return visit(root);
}

function countParents(node: Node): number {
  return node.children === undefined
    ? 0
    : 1 + node.children.reduce((sum, child) => sum + countParents(child), 0);
}
