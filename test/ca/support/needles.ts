/** One way in which a secret can lie about: what to look for. */
export interface Needle {
  readonly form: string;
  readonly bytes: Buffer;
}

/** Bytes that are looked for at a time: enough to be nobody else's, few enough to escape the line breaks of PEM. */
const window = 16;

/**
 * Every form in which the secret part of a key could lie in a file or in memory: raw and reversed (as OpenSSL's big numbers on
 * this machine), hex, base64 and base64url at each of the three alignments, and that in base64 again, as a Secret holds a PEM.
 */
export function needles(secret: Buffer, owner?: string): Needle[] {
  const texts = base64Windows(secret).flatMap((text) => [
    ...base64Windows(Buffer.from(text)).map((twice) => ['PEM in base64', twice] as const),
    ['base64', text] as const,
    ['base64url', Buffer.from(text, 'base64').toString('base64url')] as const,
  ]);
  const hex = secret.subarray(0, window).toString('hex');
  const found: Needle[] = [
    { form: 'bytes', bytes: secret.subarray(0, window) },
    { form: 'bytes', bytes: secret.subarray(-window) },
    { form: 'number', bytes: Buffer.from(secret.subarray(0, window).toReversed()) },
    ...[...texts, ['hex', hex] as const, ['hex', hex.toUpperCase()] as const].map(([form, text]) => ({
      form,
      bytes: Buffer.from(text),
    })),
  ];
  return owner === undefined ? found : found.map((each) => ({ ...each, form: `${owner} ${each.form}` }));
}

/** What of the bytes' base64 is the same whatever stands before and behind them: its first and its last characters. */
function base64Windows(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((skipped) => {
    const whole = bytes.subarray(skipped, bytes.length - ((bytes.length - skipped) % 3)).toString('base64');
    return [...new Set([whole.slice(0, window), whole.slice(-window)])];
  });
}

/** How often each form occurs. */
export type Finds = Readonly<Record<string, number>>;

/** In one pass, whatever the number of needles: memory is large. */
export function search(hay: Buffer | readonly Buffer[], wanted: readonly Needle[]): Finds {
  const found: Record<string, number> = {};
  const byStart: (Needle[] | undefined)[] = Array.from({ length: 0x10000 });
  for (const needle of wanted) (byStart[needle.bytes.readUInt16BE(0)] ??= []).push(needle);
  for (const part of Buffer.isBuffer(hay) ? [hay] : hay) {
    for (const form of searchPart(part, byStart)) found[form] = (found[form] ?? 0) + 1;
  }
  return found;
}

function* searchPart(hay: Buffer, byStart: readonly (readonly Needle[] | undefined)[]): Generator<string> {
  let pair = hay[0] ?? 0;
  for (let at = 1; at < hay.length; at++) {
    pair = ((pair << 8) | (hay[at] ?? 0)) & 0xffff;
    const candidates = byStart[pair];
    if (candidates === undefined) continue;
    for (const { form, bytes } of candidates) {
      if (hay[at + 1] === bytes[2] && hay.subarray(at - 1, at - 1 + bytes.length).equals(bytes)) yield form;
    }
  }
}
