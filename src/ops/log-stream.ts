import { type DestinationStream, destination } from 'pino';

export interface LogStream extends DestinationStream {
  /** Writes what was logged so far before it returns. pino calls it for a line of level fatal. */
  flushSync(): void;
}

/** More is not kept back: a pipe takes no more than this at once. */
const mostCharacters = 64 * 1024;

/**
 * Lines of one turn of the event loop, written together when it ends: a write for each would cost as much as the making of the line. What
 * is logged before an exit is written in it. Only a kill in the middle of a turn loses lines, and no record is kept in the log.
 */
export function openLogStream(fileDescriptor: number): LogStream {
  const file = destination({ dest: fileDescriptor, sync: true });
  let text = '';
  let scheduled = false;

  function flushSync(): void {
    if (text === '') return;
    const written = text;
    text = '';
    file.write(written);
  }

  process.once('exit', flushSync);
  return {
    write(line) {
      text += line;
      if (text.length >= mostCharacters) flushSync();
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        flushSync();
      });
    },
    flushSync,
  };
}
