import { errorMessage } from '#errors/error.ts';
import { KubeError, watchError } from '#kube/error.ts';
import { frameSplitter } from '#kube/frame-splitter.ts';
import { lineSplitter } from '#kube/line-splitter.ts';
import type { AnyObject } from '#kube/object.ts';
import { protobufMediaType, readWatchEvent } from '#kube/protobuf/object.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: AnyObject;
}

/** What was sent in the place of an event. */
interface Sent {
  readonly type?: unknown;
  readonly object?: unknown;
}

/** Takes the chunks of a watch's answer and hands out its events, synchronously and in order. */
export type WatchEvents = (chunk: Buffer, onEvent: (event: WatchEvent) => void) => void;

/** An object is at most 3 MiB in etcd's eyes (1.5 MiB by default) and grows in JSON. */
const maxEventBytes = 16 * 1024 * 1024;

/**
 * For an answer of that Content-Type: whatever was asked for, some servers know only JSON. `what` is named in errors: KubeError
 * KUBE_RESPONSE_INVALID for what is no event, or what an ERROR event says.
 */
export function watchEvents(what: string, contentType: string | undefined): WatchEvents {
  return isProtobuf(contentType) ? protobufEvents(what) : jsonEvents(what);
}

function isProtobuf(contentType = ''): boolean {
  return contentType.split(';')[0]?.trim().toLowerCase() === protobufMediaType;
}

/** One event a line. */
function jsonEvents(what: string): WatchEvents {
  const lines = lineSplitter(maxEventBytes, what);
  return (chunk, onEvent) => lines.push(chunk, (line) => onEvent(eventOf(what, parseLine(what, line))));
}

/** One event a frame. */
function protobufEvents(what: string): WatchEvents {
  const frames = frameSplitter(maxEventBytes, what);
  return (chunk, onEvent) => frames.push(chunk, (frame) => onEvent(eventOf(what, parseFrame(what, frame))));
}

function parseLine(what: string, line: string): Sent {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Falls through: the parser's message would quote the line.
  }
  throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: a line of ${line.length} characters is no event`);
}

function parseFrame(what: string, frame: Buffer): Sent {
  try {
    return readWatchEvent(frame);
  } catch (error) {
    throw new KubeError(
      'KUBE_RESPONSE_INVALID',
      `${what}: a frame of ${frame.length} bytes is no event: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

function eventOf(what: string, { type, object }: Sent): WatchEvent {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (!isObject(object)) throw new KubeError('KUBE_RESPONSE_INVALID', `${what}: an event has no object`);
      return { type, object };
    case 'ERROR':
      throw watchError(what, object);
    default:
      throw new KubeError(
        'KUBE_RESPONSE_INVALID',
        `${what}: unknown event type "${String(type).slice(0, 40)}"`,
      );
  }
}

/** A bookmark has a resourceVersion only, so no name is asked for. */
function isObject(value: unknown): value is AnyObject {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false;
  return typeof value.metadata === 'object' && value.metadata !== null;
}
