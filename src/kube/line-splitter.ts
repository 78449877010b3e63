const newline = 0x0a;

/** Takes chunks of a byte stream and hands out its lines, without their ends; throws RangeError on a line over the limit. */
export interface LineSplitter {
  push(chunk: Uint8Array, onLine: (line: string) => void): void;
  /** Bytes of a line that has not ended yet. */
  readonly pending: number;
}

/**
 * Splits on the byte 0x0A before decoding: no UTF-8 sequence contains that byte, so a character that is cut by a chunk's end
 * is whole again when its line is decoded.
 */
export function lineSplitter(maxLineBytes: number): LineSplitter {
  let parts: Uint8Array[] = [];
  let pending = 0;

  function keep(part: Uint8Array): void {
    pending += part.length;
    if (pending > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`);
    parts.push(part);
  }

  return {
    get pending() {
      return pending;
    },
    push(chunk, onLine) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        keep(chunk.subarray(start, end));
        start = end + 1;
        const line = Buffer.concat(parts, pending).toString('utf8');
        parts = [];
        pending = 0;
        if (line !== '') onLine(line);
      }
      if (start < chunk.length) keep(chunk.subarray(start));
    },
  };
}
