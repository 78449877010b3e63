import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Most tests wait, for a server or a process: more of them than there are cores may wait at the same time.
    maxWorkers: 3,
    globalSetup: ['test/support/global-setup.ts'],
    // The first test that asks for the control plane waits for it to start.
    hookTimeout: 180_000,
    testTimeout: 60_000,
  },
});
