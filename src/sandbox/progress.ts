/** Says what long work is under way. `step` is one named piece of it with its own elapsed time. */
export interface Progress {
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  note(line: string): void;
}

/** Where progress goes: standard error, or anything that takes text. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export const silentProgress: Progress = { step: (_name, work) => work(), note: () => undefined };

/** A live line with a running clock on a terminal; elsewhere one line for each finished step. */
export function progressTo(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  const seconds = (since: number) => `${((now() - since) / 1000).toFixed(1)} s`;
  const live = output.isTTY === true;
  const clear = live ? '\r\u001b[2K' : '';
  return {
    note: (line) => void output.write(`${clear}${line}\n`),
    async step(name, work) {
      const started = now();
      const show = () => output.write(`${clear}${name} ... ${seconds(started)}`);
      const ticker = live ? setInterval(show, 500) : undefined;
      if (live) show();
      try {
        const result = await work();
        output.write(`${clear}${name}: ${seconds(started)}\n`);
        return result;
      } catch (error) {
        output.write(`${clear}${name}: failed after ${seconds(started)}\n`);
        throw error;
      } finally {
        clearInterval(ticker);
      }
    },
  };
}
