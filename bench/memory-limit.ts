import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { packageRoot } from '#sandbox/package-root.ts';

/** A cgroup that holds a process to a limit, by which Node sizes its heap. */
export interface MemoryLimit {
  /** What starts the same command in it, with the same process id. */
  readonly command: (command: readonly string[]) => readonly string[];
  /** After it has ended. */
  readonly release: () => void;
}

let made = 0;
const none: MemoryLimit = { command: (command) => command, release: () => undefined };

/** The limit under which the manifests run a replica. Without the right to make a cgroup there is none, and that is said. */
export function shippedMemoryLimit(): MemoryLimit {
  try {
    return cgroup(shippedBytes());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.error(`the replica runs without the memory limit of its manifest: ${why}`);
    return none;
  }
}

interface StatefulSet {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly resources: { readonly limits: { readonly memory: string } };
        }[];
      };
    };
  };
}

function shippedBytes(): number {
  const path = join(packageRoot(), 'manifests', 'base', 'stateful-set.yaml');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own manifest
  const { spec } = load(readFileSync(path, 'utf8')) as StatefulSet;
  const memory = spec.template.spec.containers[0]?.resources.limits.memory ?? '';
  const mebibytes = /^(\d+)Mi$/.exec(memory)?.[1];
  if (mebibytes === undefined) throw new Error(`${path} has no memory limit in Mi`);
  return Number(mebibytes) * 2 ** 20;
}

/** Of version 2, or of version 1 where the memory controller has a hierarchy of its own. */
function cgroup(bytes: number): MemoryLimit {
  const root = '/sys/fs/cgroup';
  const isFirst = existsSync(join(root, 'memory'));
  const path = join(root, isFirst ? 'memory' : '', `mangrove-bench-${process.pid}-${(made += 1)}`);
  const release = (): void => rmdirSync(path);
  mkdirSync(path);
  try {
    writeFileSync(join(path, isFirst ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
  } catch (error) {
    release();
    throw error;
  }
  return {
    command: (command) => ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(path, 'cgroup.procs'), ...command],
    release,
  };
}
