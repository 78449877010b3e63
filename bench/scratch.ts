import { tmpdir } from 'node:os';

/** Where benchmarks write: TMPDIR, which should be on the kind of disk that is asked about, not in memory. */
export const scratchDirectory = tmpdir();
