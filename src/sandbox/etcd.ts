import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '#sandbox/child.ts';
import { freePorts } from '#sandbox/port.ts';
import { retryOnPortCollision, untilReady } from '#sandbox/readiness.ts';

export interface Etcd {
  readonly url: string;
  readonly child: Child;
}

export interface EtcdOptions {
  /** Path of the etcd binary. */
  readonly binary: string;
  /** Directory for its data and log; made when it is not there. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** Starts one etcd that forgets nothing but a power cut: there is no fsync, its data is thrown away anyway. */
export async function startEtcd({ binary, directory, signal }: EtcdOptions): Promise<Etcd> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = join(directory, 'etcd.log');
  return retryOnPortCollision(log, async () => {
    rmSync(log, { force: true });
    const [clientPort, peerPort] = await freePorts(2);
    const url = `http://127.0.0.1:${clientPort}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const name = `mangrove-${randomBytes(8).toString('hex')}`;
    const data = join(directory, 'data');
    rmSync(data, { recursive: true, force: true });
    const child = await startChild({
      name: 'etcd',
      command: binary,
      args: [
        `--name=${name}`,
        `--data-dir=${data}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${name}=${peerUrl}`,
        '--unsafe-no-fsync',
        '--log-level=warn',
      ],
      log,
      graceSeconds: 0,
    });
    try {
      await untilReady(child, () => answersAs(url, name), { signal });
      return { url, child };
    } catch (error) {
      await child.stop();
      throw error;
    }
  });
}

/** True when the etcd at `url` is the one of that name: on a lost race for the port it would be somebody else's. */
async function answersAs(url: string, name: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v3/cluster/member/list`, {
      method: 'POST',
      body: '{}',
      signal: AbortSignal.timeout(2000),
    });
    return response.ok && (await response.text()).includes(`"name":"${name}"`);
  } catch {
    return false;
  }
}
