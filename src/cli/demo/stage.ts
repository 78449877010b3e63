import { spawn } from 'node:child_process';
import { styleText } from 'node:util';

/** Where a chapter is played: it runs each command as a user would type it, and shows it. */
export interface Stage {
  /** Says what comes next. */
  step(title: string): void;
  /** Runs a shell command, shows it with what it prints, and returns that. Throws when it fails. */
  run(command: string): Promise<string>;
  /** Runs a shell command that must fail; returns what it prints. Throws when it succeeds. */
  runRefused(command: string): Promise<string>;
  /** Says what was just proven. */
  proves(sentence: string): void;
}

export interface StageOptions {
  /** Where the commands run. */
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export function createStage(options: StageOptions): Stage {
  const { print } = options;
  let steps = 0;

  async function show(command: string): Promise<Ended> {
    print(`   ${styleText('bold', `$ ${command}`)}`);
    const ended = await shell(command, options);
    for (const line of ended.output.split('\n').filter((text) => text.trim() !== ''))
      print(`     ${styleText('dim', line)}`);
    return ended;
  }

  return {
    step(title) {
      steps += 1;
      print('');
      print(`${steps}. ${title}`);
    },
    async run(command) {
      const { code, output } = await show(command);
      if (code !== 0) throw new Error(`the command ended with ${code}: ${command}`);
      return output;
    },
    async runRefused(command) {
      const { code, output } = await show(command);
      if (code === 0) throw new Error(`the command succeeded and must not: ${command}`);
      return output;
    },
    proves: (sentence) => print(`   ${styleText('green', '✓')} ${sentence}`),
  };
}

function shell(command: string, { directory, environment, signal }: StageOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });
}
