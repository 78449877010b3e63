import { onTestFinished } from 'vitest';

/** A step that whoever comes to it waits at until it is opened, at the latest at the end of the test. */
export function heldStep(held: string) {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  onTestFinished(() => opened.resolve());
  return {
    step: async (name: string): Promise<void> => {
      if (name !== held) return;
      reached.resolve();
      await opened.promise;
    },
    reached: reached.promise,
    open: () => opened.resolve(),
  };
}
