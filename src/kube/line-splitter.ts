import { KubeError } from '#kube/error.ts';

const newline = 0x0a;

/** Takes chunks of a byte stream and hands out its lines, without their ends; throws KUBE_RESPONSE_INVALID on one over the limit. */
export interface LineSplitter {
  push(chunk: Buffer, onLine: (line: string) => void): void;
  /** Bytes of a line that has not ended yet. */
  readonly pending: number;
}

/**
 * Splits on the byte 0x0A before decoding: no UTF-8 sequence contains that byte, so a character that is cut by a chunk's end
 * is whole again when its line is decoded.
 */
export function lineSplitter(maxLineBytes: number, what: string): LineSplitter {
  let parts: Buffer[] = [];
  let pending = 0;

  function requireLength(bytes: number): void {
    if (bytes > maxLineBytes)
      throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: a line is longer than ${maxLineBytes} bytes`);
  }

  function keep(part: Buffer): void {
    requireLength(pending + part.length);
    pending += part.length;
    parts.push(part);
  }

  /** What was kept of the line, and the rest of it. Most lines lie in one chunk and are decoded where they lie. */
  function complete(chunk: Buffer, start: number, end: number): string {
    if (pending === 0) {
      requireLength(end - start);
      return chunk.toString('utf8', start, end);
    }
    keep(chunk.subarray(start, end));
    const line = Buffer.concat(parts, pending).toString('utf8');
    parts = [];
    pending = 0;
    return line;
  }

  return {
    get pending() {
      return pending;
    },
    push(chunk, onLine) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        const line = complete(chunk, start, end);
        start = end + 1;
        if (line !== '') onLine(line);
      }
      if (start < chunk.length) keep(chunk.subarray(start));
    },
  };
}
