import { defineConfig } from 'rolldown';

/** One program and the ledger's worker thread; shared code lands in chunks beside them. */
export default defineConfig({
  input: { mangrove: 'src/cli/program.ts', 'ledger-worker': 'src/ledger/worker.ts' },
  platform: 'node',
  // Of the API client only kubeconfigs and credentials are used; its 4 MB of models have no effect but their size.
  treeshake: { moduleSideEffects: [{ test: /@kubernetes\/client-node/, sideEffects: false }] },
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'chunks/[name]-[hash].mjs',
  },
});
