import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Config } from '#ops/config-schema.ts';
import { openLogStream } from '#ops/log-stream.ts';
import { loggable, loggableFields, redactLine } from '#ops/redaction.ts';

/**
 * The root logger: JSON lines on standard output, also the last words before an exit. Tokens, keys and request bodies are replaced whatever field or message they are in.
 */
export function createLogger(
  { replica, log }: Pick<Config, 'replica' | 'log'>,
  stream: DestinationStream = openLogStream(1),
): Logger {
  return pino(
    {
      level: log.level,
      base: { replica },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: loggableFields },
      // pino's own error serializer copies every property; `formatters.log` has made plain fields of it already.
      serializers: { err: loggable },
      hooks: { streamWrite: redactLine },
    },
    stream,
  );
}
