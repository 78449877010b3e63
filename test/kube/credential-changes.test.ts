import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCredentials } from '#kube/credentials.ts';
import { kubeconfigYaml } from '#sandbox/kubeconfig.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { recordingLog } from './lab.ts';

describe('loadCredentials', () => {
  test('a change is told, and so is, once, that they cannot be read; no secret is in it', async () => {
    const directory = scratchDirectory();
    const token = join(directory, 'token');
    writeFileSync(token, 'secret-one');
    const { log, lines } = recordingLog();
    const told: string[] = [];
    const observer = { changed: () => told.push('changed'), unreadable: (code: string) => told.push(code) };
    const path = join(directory, 'kubeconfig');
    const user = { tokenFile: token };
    writeFileSync(
      path,
      kubeconfigYaml([{ name: 'c', server: 'https://127.0.0.1:1', certificateAuthority: '', user }]),
    );
    const credentials = loadCredentials({ kubeconfig: path, rereadMs: 0, log, observer });
    await credentials.present();
    await credentials.present();
    expect(told).toEqual([]);
    rmSync(token);
    await credentials.present();
    await credentials.present();
    writeFileSync(token, 'secret-two');
    await credentials.present();
    await credentials.present();
    expect(told).toEqual(['KUBE_CONFIG_INVALID', 'KUBE_CONFIG_INVALID', 'changed']);
    expect(lines).toMatchObject([
      { msg: 'the credentials cannot be read: the last good ones stay in use', code: 'KUBE_CONFIG_INVALID' },
      { msg: 'other credentials are in use', tls: false, identity: true },
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret-');
  });
});
