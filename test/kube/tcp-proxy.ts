import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

/** The network between a client and an API server: it carries TLS, so it can break a connection but read or forge nothing. */
export interface TcpProxy {
  readonly url: string;
  /** Connections taken so far. */
  connections(): number;
  /** Resets every connection. */
  cut(): void;
  /** Nothing moves any more, in no direction, on old and new connections; nobody is told. */
  freeze(): void;
  /** What the client says arrives; what the server says is lost. */
  loseAnswers(): void;
  /** Every piece waits this long. */
  delay(ms: number): void;
  /** Carries again. Connections that lost bytes are reset, as TLS would find out anyway. */
  heal(): void;
}

type Mode = 'carry' | 'freeze' | 'lose answers';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  lossy: boolean;
  /** What it held up arrives after all, although the client is long gone: nobody tells the server. */
  held: boolean;
}

export async function tcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const links = new Set<Link>();
  let mode: Mode = 'carry';
  let delayMs = 0;
  let taken = 0;

  function carry(from: Duplex, to: Duplex, lost: () => boolean): void {
    from.on('data', (bytes: Buffer) => {
      if (lost()) return;
      if (delayMs === 0) to.write(bytes);
      else setTimeout(() => to.destroyed || to.write(bytes), delayMs);
    });
  }

  const listener = createServer({ noDelay: true }, (client) => {
    taken++;
    const server = dial(Number(port), hostname);
    const link: Link = { client, server, lossy: false, held: mode === 'freeze' };
    links.add(link);
    carry(client, server, () => false);
    carry(server, client, () => {
      link.lossy ||= mode === 'lose answers';
      return link.lossy;
    });
    for (const socket of [client, server]) {
      if (mode === 'freeze') socket.pause();
      socket.on('error', () => undefined);
      socket.on('close', () => drop(link));
    }
  });

  function drop(link: Link): void {
    if (link.held) return;
    links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  const cut = (): void => {
    for (const { client, server } of links) {
      client.resetAndDestroy();
      server.destroy();
    }
  };
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    mode = 'carry';
    cut();
    listener.close();
  });
  return {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    connections: () => taken,
    cut,
    freeze() {
      mode = 'freeze';
      for (const link of links) {
        link.held = true;
        link.client.pause();
        link.server.pause();
      }
    },
    loseAnswers() {
      mode = 'lose answers';
    },
    delay(ms) {
      delayMs = ms;
    },
    heal() {
      mode = 'carry';
      delayMs = 0;
      for (const { client, server, lossy } of links) {
        if (lossy) client.resetAndDestroy();
        client.resume();
        server.resume();
      }
    },
  };
}
