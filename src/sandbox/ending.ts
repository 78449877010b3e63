import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** Where a running sandbox listens, and the secret that its answers ask for: every local user can reach the port. */
export interface Address {
  readonly port: number;
  readonly secret: string;
}

export interface EndListener {
  readonly port: number;
  /** Stops listening. Those who wait for the end learn of it when this process has ended, and not before. */
  close(): void;
}

const firstWordsMs = 5_000;

/**
 * Answers `SECRET status` with `up`, and `SECRET end` with `ending`; that connection then stays open until the end. A
 * port tells a live sandbox from a dead one where a process id could be somebody else's by now.
 */
export async function listenForEnd(secret: string, end: () => void): Promise<EndListener> {
  const waiting = new Set<Socket>();
  const answer = (socket: Socket, line: string) => {
    const [offered = '', verb] = line.split(' ');
    if (!sameSecret(offered, secret)) return socket.destroy();
    if (verb !== 'end') return socket.end('up');
    waiting.add(socket.setTimeout(0));
    socket.once('close', () => waiting.delete(socket)).write('ending');
    return end();
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setTimeout(firstWordsMs, () => socket.destroy()).on('error', () => undefined);
    let line = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      line += chunk;
      if (line.endsWith('\n')) answer(socket, line.trimEnd());
      else if (line.length > 200) socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    port: address.port,
    close() {
      server.close();
      for (const socket of waiting) socket.unref();
    },
  };
}

function sameSecret(offered: string, secret: string): boolean {
  return (
    Buffer.byteLength(offered) === Buffer.byteLength(secret) &&
    timingSafeEqual(Buffer.from(offered), Buffer.from(secret))
  );
}

export async function isUp(address: Address): Promise<boolean> {
  return (await ask(address, 'status', firstWordsMs)) === 'up';
}

/** Ends the sandbox at this address and waits until it has ended; false when none listens there. */
export async function requestEnd(address: Address): Promise<boolean> {
  return (await ask(address, 'end', 120_000)) === 'ending';
}

async function ask({ port, secret }: Address, verb: string, timeoutMs: number): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setTimeout(timeoutMs, () => socket.destroy());
  socket.write(`${secret} ${verb}\n`);
  try {
    return await text(socket);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
