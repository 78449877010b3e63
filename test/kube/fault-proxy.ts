import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { type Credentials, loadCredentials } from '#kube/credentials.ts';
import { controlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** Passes the request on to the real API server and its answer back. */
type Forward = () => void;

/** Decides what becomes of one request. */
export type Fault = (request: IncomingMessage, response: ServerResponse, forward: Forward) => void;

export interface FaultProxy {
  readonly url: string;
  /** PEM of the certificate that it serves at first. */
  readonly certificate: string;
  readonly credentials: Credentials;
  /** Path of the kubeconfig that leads here. */
  readonly kubeconfig: string;
  readonly directory: string;
  /** `METHOD path` of each request that came. */
  readonly seen: string[];
  /** ALPN protocol of each connection. */
  readonly protocols: (string | false | null)[];
  /** Common name of the client certificate of each connection, undefined where none was shown. */
  readonly clients: (string | string[] | undefined)[];
  /** From now on; undefined: everything is passed on. */
  setFault(fault: Fault | undefined): void;
  /** Resets every connection. */
  cut(): void;
  /** Resets every connection and takes no new one. */
  close(): void;
  /** Serves a new certificate, by a new authority, on new connections. */
  renewCertificate(): void;
  /** Writes the kubeconfig anew, with the certificate served now. */
  writeKubeconfig(user?: Record<string, unknown>): void;
}

/**
 * A door to the shared API server that can be made to fail in ways that a healthy server never shows. Everything that it
 * does not break on purpose is the real server's answer.
 */
export async function faultProxy(): Promise<FaultProxy> {
  const upstream = await controlPlane();
  const directory = scratchDirectory();
  const kubeconfig = join(directory, 'kubeconfig');
  const seen: string[] = [];
  const protocols: (string | false | null)[] = [];
  const clients: (string | string[] | undefined)[] = [];
  const sockets = new Set<Socket>();
  let fault: Fault | undefined;

  const served = selfSigned(directory);
  const server = createServer(
    {
      ...served,
      ALPNProtocols: ['h2', 'http/1.1'],
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const forward = (): void => passOn(upstream, request, response);
      if (fault === undefined) forward();
      else fault(request, response, forward);
    },
  );
  server.on('secureConnection', (socket: TLSSocket) => {
    protocols.push(socket.alpnProtocol);
    clients.push(socket.getPeerCertificate().subject?.CN);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });

  const writeKubeconfig = (user: Record<string, unknown> = { token: upstream.adminToken }): void => {
    const document = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'proxy',
      contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'proxy' } }],
      clusters: [
        {
          name: 'proxy',
          cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': 'tls.crt' },
        },
      ],
      users: [{ name: 'proxy', user }],
    };
    writeFileSync(kubeconfig, JSON.stringify(document));
  };
  writeKubeconfig();
  return {
    url: `https://127.0.0.1:${port}`,
    certificate: served.cert,
    credentials: loadCredentials({ kubeconfig, rereadMs: 0 }),
    kubeconfig,
    directory,
    seen,
    protocols,
    clients,
    setFault(next) {
      fault = next;
    },
    cut,
    close() {
      cut();
      server.close();
    },
    renewCertificate: () => server.setSecureContext(selfSigned(directory)),
    writeKubeconfig,
  };
}

/** Answers as an API server does. */
export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function statusBody(code: number, reason: string, message = reason): Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

/** Lets the server carry the request out, but its answer never arrives. */
export function loseAnswer(request: IncomingMessage, upstream: TestControlPlane): Promise<void> {
  return new Promise((resolve, reject) => {
    const onward = upstreamRequest(upstream, request, (answer) => {
      answer.resume();
      answer.once('end', () => {
        request.socket.destroy();
        resolve();
      });
    });
    onward.once('error', reject);
    request.pipe(onward);
  });
}

/** Passes the answer on byte by byte, each in a chunk of its own. */
export function drip(upstream: TestControlPlane, request: IncomingMessage, response: ServerResponse): void {
  const onward = upstreamRequest(upstream, request, (answer) => {
    response.writeHead(answer.statusCode ?? 502, { 'content-type': 'application/json' });
    answer.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at++) response.write(chunk.subarray(at, at + 1));
    });
    answer.once('end', () => response.end());
    answer.once('error', () => response.destroy());
  });
  onward.once('error', () => response.destroy());
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}

function passOn(upstream: TestControlPlane, request: IncomingMessage, response: ServerResponse): void {
  const onward = upstreamRequest(upstream, request, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    response.flushHeaders();
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  onward.once('error', () => response.destroy());
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}

function upstreamRequest(
  upstream: TestControlPlane,
  request: IncomingMessage,
  onAnswer: (answer: IncomingMessage) => void,
) {
  const url = new URL(upstream.server);
  const { method = 'GET', url: path = '/', headers } = request;
  const ca = upstream.certificateAuthority;
  const options = { host: url.hostname, port: url.port, method, path, headers, ca, agent: false };
  return httpsRequest(options, onAnswer);
}

/** A self-signed pair for 127.0.0.1, also left as <name>.key and <name>.crt in the directory. */
export function selfSigned(directory: string, name = 'tls'): { key: string; cert: string } {
  const key = join(directory, `${name}.key`);
  const cert = join(directory, `${name}.crt`);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...options, '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
