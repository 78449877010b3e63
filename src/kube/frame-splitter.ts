import { KubeError } from '#kube/error.ts';

const prefixBytes = 4;

/** Takes chunks of a byte stream and hands out its frames, without their lengths; throws KUBE_RESPONSE_INVALID on one over the limit. */
export interface FrameSplitter {
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void;
  /** Bytes of a frame that has not ended yet, with its length. */
  readonly pending: number;
}

/**
 * Each frame has its length before it, in four bytes, the highest first (apimachinery pkg/util/framer). A frame that lies in one chunk is
 * handed out where it lies.
 */
export function frameSplitter(maxFrameBytes: number, what: string): FrameSplitter {
  let parts: Buffer[] = [];
  let pending = 0;
  /** Of the frame that has begun, with its length. */
  let size: number | undefined;

  function sizeAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length > maxFrameBytes)
      throw new KubeError(
        'KUBE_RESPONSE_INVALID',
        `${what}: a frame of ${length} bytes is longer than ${maxFrameBytes}`,
      );
    return prefixBytes + length;
  }

  function keep(part: Buffer): void {
    parts.push(part);
    pending += part.length;
    if (size === undefined && pending === prefixBytes) size = sizeAt(Buffer.concat(parts, pending), 0);
  }

  /** Goes on with the frame that has begun, and returns where in the chunk that ends. */
  function resume(chunk: Buffer, start: number, onFrame: (frame: Buffer) => void): number {
    const end = Math.min(chunk.length, start + (size ?? prefixBytes) - pending);
    keep(chunk.subarray(start, end));
    if (pending !== size) return end;
    const frame = Buffer.concat(parts, pending).subarray(prefixBytes);
    parts = [];
    pending = 0;
    size = undefined;
    onFrame(frame);
    return end;
  }

  return {
    get pending() {
      return pending;
    },
    push(chunk, onFrame) {
      let at = 0;
      while (at < chunk.length) {
        const whole =
          pending === 0 && chunk.length - at >= prefixBytes
            ? at + sizeAt(chunk, at)
            : Number.POSITIVE_INFINITY;
        if (whole > chunk.length) at = resume(chunk, at, onFrame);
        else {
          onFrame(chunk.subarray(at + prefixBytes, whole));
          at = whole;
        }
      }
    },
  };
}
