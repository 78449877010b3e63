import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    globalSetup: ['test/support/global-setup.ts'],
    // The first test that asks for the control plane waits for it to start.
    hookTimeout: 180_000,
    testTimeout: 60_000,
  },
});
