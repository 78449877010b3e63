import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * The physical floor of issuance: what OpenSSL alone needs per certificate for one verification (proof of possession)
 * and one signature, P-256, one core. `openssl speed` counts CPU time, so we do, too.
 * It inherits our affinity, so a pinned benchmark and its floor run on the same core.
 */
export async function issuanceFloor(ms: number): Promise<number> {
  const seconds = Math.max(1, Math.round(ms / 2000));
  const { stdout } = await execute('openssl', ['speed', '-seconds', String(seconds), 'ecdsap256']);
  // 256 bits ecdsa (nistp256)   0.0000s   0.0001s  30469.9  11135.1
  const [, sign, verify] = /ecdsa \(nistp256\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)/.exec(stdout) ?? [];
  if (sign === undefined || verify === undefined)
    throw new Error(`openssl speed printed no rates:\n${stdout}`);
  return 1 / (1 / Number(sign) + 1 / Number(verify));
}
