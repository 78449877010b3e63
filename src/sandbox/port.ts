import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Free TCP ports on 127.0.0.1, all different. They are held together and let go together, so that the kernel cannot
 * hand out one twice; another program may still take one before its user binds it, hence `retryOnPortCollision`.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(servers.map(listenAnywhere));
  } finally {
    await Promise.all(servers.map(close));
  }
}

async function listenAnywhere(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
