import { type ProtobufReader, wireType } from '#kube/protobuf/reader.ts';

const secondsTag = (1 << 3) | wireType.varint;

/**
 * metav1.Time (a Timestamp on the wire, apimachinery pkg/apis/meta/v1/time_proto.go) as JSON has it: RFC 3339 in whole seconds, or
 * undefined for the zero time, which has no bytes. Its nanoseconds are dropped, by the API server too.
 */
export function readTimestamp(reader: ProtobufReader): string | undefined {
  if (reader.done) return undefined;
  let seconds = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === secondsTag) seconds = reader.integer();
    else reader.skip(tag);
  }
  return timestampText(seconds);
}

/** The seconds of years with four digits: 0000 to 9999. */
const first = -62_167_219_200;
const last = 253_402_300_799;
/** The furthest that a Date can be from 1970. */
const furthest = 8.64e12;

/** Seconds since the epoch as `2026-11-27T21:01:08Z`. */
export function timestampText(seconds: number): string {
  return seconds >= first && seconds <= last ? written(seconds) : extendedText(seconds);
}

/**
 * Whoever may write a condition may write any second into it: that must not end the watch of all the others. Nobody is told a date so
 * far off by a second, or by an eon.
 */
function extendedText(seconds: number): string {
  const held = Math.min(furthest, Math.max(-furthest, seconds));
  return new Date(held * 1_000).toISOString().replace('.000Z', 'Z');
}

/** Written over each time: three times as fast as a Date, and the text is in one piece where one cut from a longer one would keep that. */
const sheet = Buffer.from('1970-01-01T00:00:00Z', 'latin1');
/** The day whose date is on the sheet, counted from the epoch. */
let sheetDay = 0;

function written(seconds: number): string {
  const day = Math.floor(seconds / 86_400);
  if (day !== sheetDay) sheet.write(new Date(day * 86_400_000).toISOString().slice(0, 10), 'latin1');
  sheetDay = day;
  const second = seconds - day * 86_400;
  writePair(11, Math.floor(second / 3_600));
  writePair(14, Math.floor(second / 60) % 60);
  writePair(17, second % 60);
  return sheet.toString('latin1');
}

function writePair(at: number, value: number): void {
  sheet[at] = 0x30 + Math.floor(value / 10);
  sheet[at + 1] = 0x30 + (value % 10);
}
