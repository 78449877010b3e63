import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface GoQuestion {
  readonly leaf: Buffer;
  readonly intermediates: readonly Buffer[];
  readonly anchors: readonly Buffer[];
  readonly at: number;
  readonly purpose: 'serverAuth' | 'clientAuth';
}

export interface GoAnswer {
  readonly ok: boolean;
  readonly reason: string;
}

const source = join(import.meta.dirname, 'go');

/** What Go's crypto/x509 says of each chain: all of them in one process. */
export function goVerify(questions: readonly GoQuestion[]): readonly GoAnswer[] {
  const base64 = (der: Buffer): string => der.toString('base64');
  const input = questions.map((question) => ({
    ...question,
    leaf: base64(question.leaf),
    intermediates: question.intermediates.map(base64),
    anchors: question.anchors.map(base64),
  }));
  const answers: GoAnswer[] = JSON.parse(run(program(), [], JSON.stringify(input)));
  if (answers.length !== questions.length) throw new Error(`${answers.length} answers of Go`);
  return answers;
}

/** DER of certificate requests that Go made, of every kind of key. */
export function goRequests(): readonly Buffer[] {
  const requests: string[] = JSON.parse(run(program(), ['requests']));
  return requests.map((der) => Buffer.from(der, 'base64'));
}

/** Built once for each version of it and of Go; of the standard library only, so that no network is needed. */
function program(): string {
  const version = run('go', ['env', 'GOVERSION']).trim();
  const code = ['main.go', 'requests.go', 'go.mod'].map((file) => readFileSync(join(source, file)));
  const digest = createHash('sha256').update(version).update(Buffer.concat(code)).digest('hex').slice(0, 16);
  const folder = join(tmpdir(), `mangrove-oracle-${process.getuid?.() ?? 0}`);
  const binary = join(folder, digest);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${binary}.${process.pid}`;
  run('go', ['build', '-trimpath', '-o', fresh, '.']);
  renameSync(fresh, binary);
  return binary;
}

function run(command: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input,
    cwd: source,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, GOPROXY: 'off', GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' },
  });
  if (error !== undefined)
    throw new Error(`${command} cannot be run: Go 1.26 or newer is needed`, { cause: error });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}
