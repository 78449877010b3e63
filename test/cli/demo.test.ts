import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';

const mangrove = join(import.meta.dirname, '../../bin/mangrove');

test('the demo proves what it says and leaves nothing behind', () => {
  const folder = scratchDirectory();
  const { status, stdout, stderr } = spawnSync(mangrove, ['demo'], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: folder },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('SANDBOX_') });
  expect(stdout.match(/✓/g)).toHaveLength(10);
  expect(stdout).toContain('web.pem: OK');
  expect(stdout).toContain('db.pem: OK');
  expect(stdout).toMatch(/ConfigMap corporate, key ca\.crt: .* is a PRIVATE KEY, not a CERTIFICATE/);
  expect(stdout).toMatch(/TargetRepaired +ClusterTrustBundle mangrove\.dev:workload:east\.test/);
  expect(readdirSync(folder)).toEqual([]);
  const { stdout: left } = spawnSync('pgrep', ['-f', folder], { encoding: 'utf8' });
  expect(left).toBe('');
}, 180_000);

test('an unknown chapter is a usage error', () => {
  const { status, stderr } = spawnSync(mangrove, ['demo', 'nonsense'], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('first-certificate');
});
