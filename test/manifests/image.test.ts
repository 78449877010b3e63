import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { run } from '#sandbox/run.ts';
import config from '../../rolldown.config.ts';
import { file, root } from './installation.ts';

const dockerfile = file('Dockerfile');
const instructions = dockerfile
  .replaceAll(/<<'EOF'.*?^EOF$/gms, '<<EOF')
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.replaceAll(/ +/g, ' '));

/** Every path that is copied from the source tree. */
const copied = instructions
  .filter((line) => line.startsWith('COPY ') && !line.includes('--from=') && !line.includes('<<'))
  .flatMap((line) => line.split(' ').slice(1, -1));

const ignored = file('.dockerignore').trim().split('\n');

const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.object({ version: z.string().optional(), integrity: z.string().optional() }),
    ),
  })
  .parse(JSON.parse(file('package-lock.json')));

describe('the image', () => {
  test('copies what exists and what the build may see, and the build sees nothing else', () => {
    for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
    expect(ignored[0]).toBe('*');
    expect(ignored.slice(1).sort()).toEqual(copied.map((path) => `!${path}`).sort());
  });

  test('is made from the lock file alone', () => {
    expect(instructions.filter((line) => line.includes('npm ') && line.startsWith('RUN'))).toEqual([
      'RUN npm ci --no-progress --loglevel=error',
      'RUN npm run --silent build -- --log-level warn',
    ]);
    expect(file('.npmrc')).toContain('ignore-scripts=true');
    for (const [name, { integrity }] of Object.entries(lock.packages)) {
      if (name !== '') expect(integrity, name).toMatch(/^sha512-/);
    }
  });

  test('has the Node that everything was tested with, for both architectures', () => {
    expect(instructions.join('\n')).toContain('cp node_modules/node-linux-*/bin/node /image/usr/bin/node');
    const versions = Object.entries(lock.packages)
      .filter(([name]) => /^node_modules\/node-linux-(x64|arm64)$/.test(name))
      .map(([, { version }]) => `v${version}`);
    expect(versions).toEqual([process.version, process.version]);
  });

  test('starts the bundle where it was put, as nobody, without a shell', () => {
    const entry = dockerfile.match(/command\[\d\] = "(.*)";/g);
    expect(entry).toEqual([
      'command[0] = "/usr/bin/node";',
      'command[1] = "--disable-sigusr1";',
      'command[2] = "--max-semi-space-size=16";',
      'command[3] = "/usr/lib/mangrove/mangrove.mjs";',
    ]);
    expect(instructions.join('\n')).toContain('cp -R dist/. /image/usr/lib/mangrove/');
    expect(file('rolldown.config.ts')).toContain("entryFileNames: '[name].mjs'");
    expect(instructions.slice(-5)).toEqual([
      'COPY --from=build /image/ /',
      'USER 65532:65532',
      'EXPOSE 8080',
      'ENTRYPOINT ["/usr/bin/mangrove"]',
      'CMD ["controller", "--config", "/etc/mangrove/config.yaml"]',
    ]);
    expect(dockerfile).toContain('distroless');
  });

  test('has every library that Node loads', async () => {
    // gcr.io/distroless/cc: glibc, libgcc and libstdc++; what else Node needs is copied beside them.
    const present = /^(linux-vdso|ld-linux-.*|libc|libdl|libm|libpthread|libstdc\+\+|libgcc_s)\.so/;
    const { stdout } = await run(process.execPath, [
      '-p',
      'JSON.stringify(process.report.getReport().sharedObjects)',
    ]);
    const loaded = z.array(z.string()).parse(JSON.parse(stdout));
    const names = loaded
      .map((path) => path.slice(path.lastIndexOf('/') + 1))
      .filter((name) => name.includes('.so'));
    for (const name of names.filter((one) => !present.test(one))) {
      expect(dockerfile).toContain(name.replace(/\.so.*$/, '.so'));
    }
  });
});

test('the bundle needs nothing but itself and what Node brings', async () => {
  const { output: _, ...input } = config;
  const build = await rolldown({ ...input, cwd: root, logLevel: 'silent' });
  const { output } = await build.generate({ format: 'esm' });
  await build.close();
  const files = new Set(output.map(({ fileName }) => fileName));
  const imports = output.flatMap((chunk) =>
    chunk.type === 'chunk' ? [...chunk.imports, ...chunk.dynamicImports] : [],
  );
  expect(imports).toContain('node:http');
  expect(imports.filter((name) => !isBuiltin(name) && !files.has(name))).toEqual([]);
});
