import { X509Error } from '#x509/error.ts';

const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Epoch seconds of UTCTime contents, exactly `YYMMDDHHMMSSZ`; 50..99 are 19xx (RFC 5280 §4.1.2.5.1). */
export function utcTimeSeconds(bytes: Buffer, from: number, to: number): number {
  if (to - from !== 13) throw invalid(from, 'is not YYMMDDHHMMSSZ');
  const year = twoDigits(bytes, from);
  return seconds(year < 50 ? 2000 + year : 1900 + year, bytes, from + 2);
}

/** Epoch seconds of GeneralizedTime contents, exactly `YYYYMMDDHHMMSSZ` and not before 2050 (RFC 5280 §4.1.2.5). */
export function generalizedTimeSeconds(bytes: Buffer, from: number, to: number): number {
  if (to - from !== 15) throw invalid(from, 'is not YYYYMMDDHHMMSSZ');
  const year = twoDigits(bytes, from) * 100 + twoDigits(bytes, from + 2);
  if (year < 2050) {
    throw new X509Error('DER_TIME_FORM', `time at byte ${from}: the year ${year} must be a UTCTime`);
  }
  return seconds(year, bytes, from + 4);
}

/** `bytes` holds MMDDHHMMSSZ at `at`. Date.UTC rolls 30 February over, so every field is checked before. */
function seconds(year: number, bytes: Buffer, at: number): number {
  const month = twoDigits(bytes, at);
  const day = twoDigits(bytes, at + 2);
  const hour = twoDigits(bytes, at + 4);
  const minute = twoDigits(bytes, at + 6);
  const second = twoDigits(bytes, at + 8);
  if (bytes[at + 10] !== 0x5a) throw invalid(at, 'does not end in Z');
  if (day < 1 || day > monthLength(year, month)) throw invalid(at, 'is not a day of the calendar');
  if (hour > 23 || minute > 59 || second > 59) throw invalid(at, 'is not a time of day');
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

function monthLength(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (daysInMonth[month - 1] ?? 0);
}

function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const ones = (bytes[at + 1] ?? 0) - 0x30;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw invalid(at, 'has something else than digits');
  return tens * 10 + ones;
}

function invalid(at: number, what: string): X509Error {
  return new X509Error('DER_TIME_INVALID', `time at byte ${at} ${what}`);
}
